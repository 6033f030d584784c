import numpy as np
import pytest

from deepracer_agent.reward_check import PROBES, check_reward, warnings
from deepracer_agent.rewards import RewardError, builtin_rewards, load_reward
from deepracer_sim.track import Track


def circle():
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    center = 2.0 * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return Track("circle", center, np.full(200, 0.4), np.full(200, 0.4), center[::4])


TRACK = circle()


@pytest.mark.parametrize("name", builtin_rewards())
def test_builtin_rewards_pass_the_check(name):
    report = check_reward(load_reward(name), TRACK)
    assert report.seen[0].status.label == "Lap complete"
    assert len(report.seen[0].rewards) > 100
    assert [seen.status.label for seen in report.seen[2:]] == [
        "Off track", "Immobilized", "Reversed"
    ]  # fmt: skip
    if name != "center_line":
        assert warnings(report) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 2.0", ["never changes"]),
        ("return 1.0 - params['distance_from_center']",
         ["Standing still pays", "Driving backwards pays"]),
        ("return params['steps'] / 100 - 10", ["end its episodes early"]),
        ("return 1.0 + params['is_offtrack']",
         ["Standing still", "Driving backwards", "Leaving the track"]),
    ],
)  # fmt: skip
def test_the_check_warns(write, body, said):
    path = write(f"def reward_function(params):\n    {body}\n")
    found = warnings(check_reward(load_reward(path), TRACK))
    for words in said:
        assert any(words in warning for warning in found), found


def test_the_check_reports_slow_functions(write):
    report = check_reward(load_reward("progress"), TRACK)._replace(seconds_per_call=0.05)
    assert any("50.0 ms" in warning for warning in warnings(report))


def test_the_check_finds_errors_anywhere_on_the_lap(write):
    path = write("def reward_function(params):\n    return 1 / (params['progress'] < 90)\n")
    with pytest.raises(RewardError, match="ZeroDivisionError"):
        check_reward(load_reward(path), TRACK)


def test_the_check_shows_each_probe_and_what_the_function_was_given():
    report = check_reward(load_reward("center_line"), TRACK)
    assert tuple(seen.probe for seen in report.seen) == PROBES
    assert report.example["progress"] == pytest.approx(50.0, abs=2.0)
    assert len(report.example["waypoints"]) == len(TRACK.waypoints) + 1
    assert report.seconds_per_call > 0.0
