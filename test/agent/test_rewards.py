import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent import reward_file
from deepracer_agent.rewards import (
    LIMIT,
    RewardError,
    load_reward,
    reward_params,
)
from deepracer_sim.car import CarStates, load_car
from deepracer_sim.referee import FRONT, Referee
from deepracer_sim.track import Track

HALF = 0.4
RADIUS = 2.0
TYPES = {
    "all_wheels_on_track": bool, "x": float, "y": float, "heading": float,
    "distance_from_center": float, "projection_distance": float, "progress": float, "steps": int,
    "speed": float, "steering_angle": float, "track_width": float, "track_length": float,
    "waypoints": list, "closest_waypoints": list, "is_left_of_center": bool, "is_reversed": bool,
    "is_offtrack": bool, "is_crashed": bool, "sim_time": float, "closest_objects": list,
    "objects_location": list, "objects_left_of_center": list, "objects_distance": list,
    "objects_distance_from_center": list, "objects_speed": list, "objects_heading": list,
    "object_in_camera": bool,
}  # fmt: skip
POSITIONAL = (
    "on_track, x, y, distance_from_center, car_orientation, progress, steps, throttle, steering, "
    "track_width, waypoints, closest_waypoint"
)


def circle():
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    center = RADIUS * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return Track("circle", center, np.full(200, HALF), np.full(200, HALF), center[::4])


TRACK = circle()


def some_params(n=1, direction=1, x=RADIUS, speed=2.0, steering=0.0):
    """Parameters of n cars at (x, 0), heading along y, one step after their start there."""
    referee = Referee(TRACK, n, load_car())
    referee.reset(np.arange(n), direction=direction)
    yaw = direction * 0.5 * np.pi
    states = CarStates(*np.tile([x, 0.0, yaw, 0, 0, 0, 0], (n, 1)).T)
    return reward_params(referee.judge(states, np.tile([steering, speed], (n, 1))), TRACK)


# What the function is given


def test_params_have_every_key_with_its_type():
    params = some_params()[0]
    assert {key: type(value) for key, value in params.items()} == TYPES
    assert all(type(index) is int for index in params["closest_waypoints"])
    assert all(type(point) is tuple for point in params["waypoints"])
    assert all(type(x) is float for point in params["waypoints"] for x in point)


def test_the_manual_names_every_key_and_its_example_works(write):
    manual = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text()
    rows = [line for line in manual.splitlines() if line.startswith("| `")]
    keys = [key for row in rows for key in re.findall("`(.*?)`", row.split("|")[1])]
    assert sorted(keys) == sorted(TYPES)
    example = re.search("```python\n(.*?)```", manual, re.DOTALL).group(1)
    assert load_reward(write(example))(some_params(speed=2.0)).tolist() == [4.0]


def test_params_are_in_degrees_and_percent():
    params = some_params(steering=0.25, speed=1.5)[0]
    assert params["steering_angle"] == pytest.approx(14.32394)
    assert params["heading"] == pytest.approx(90.0)
    assert params["speed"] == 1.5
    assert params["progress"] == pytest.approx(100.0 * FRONT / TRACK.length, rel=0.01)
    assert (params["x"], params["y"]) == pytest.approx((RADIUS, FRONT))
    assert params["track_length"] == pytest.approx(2.0 * np.pi * RADIUS, rel=1e-3)
    assert params["track_width"] == pytest.approx(2.0 * HALF)
    assert params["steps"] == 1


def test_waypoints_are_closed_and_turned_round_with_the_direction():
    forward, backward = (some_params(direction=d)[0] for d in (1, -1))
    assert forward["waypoints"][0] == forward["waypoints"][-1] == (RADIUS, 0.0)
    assert len(forward["waypoints"]) == len(TRACK.waypoints) + 1
    assert backward["waypoints"] == forward["waypoints"][::-1]
    assert backward["is_reversed"]
    assert not forward["is_reversed"]
    for params in (forward, backward):  # the car is between the first two
        assert params["closest_waypoints"] == [0, 1]


def test_spoiling_the_params_is_harmless(write):
    spoil = write(
        "def reward_function(params):\n"
        "    params['waypoints'].clear()\n"
        "    params['objects_location'].append(1)\n"
        "    params.clear()\n"
        "    return 1.0\n"
    )
    before = some_params(2)
    assert load_reward(spoil)(some_params(2)).tolist() == [1.0, 1.0]
    assert some_params(2) == before


def test_cars_do_not_share_lists():
    one, other = some_params(2)
    shared = [k for k, v in one.items() if isinstance(v, list) and v is other[k]]
    assert shared == []


# Built-in functions


@pytest.mark.parametrize(
    ("distance", "expected"), [(0.0, 1.0), (0.11, 0.5), (0.3, 0.1), (0.41, 1e-3)]
)
def test_center_line_pays_as_the_service_did(distance, expected):
    params = some_params(x=RADIUS)[0]
    params["distance_from_center"] = distance
    assert load_reward("center_line")([params])[0] == expected


def drive(reward, gains, **other):
    """Rewards for a car that gains these percents of a lap in each step."""
    paid = []
    for step, progress in enumerate(np.cumsum(gains), start=1):
        params = some_params()[0] | {"steps": step, "progress": float(progress)} | other
        paid.append(reward([params])[0])
    return paid


@pytest.mark.parametrize("name", ["progress", "speed"])
def test_what_is_gained_is_paid_and_the_way_back_is_charged(name):
    speed = 0.01 * TRACK.length * 15.0  # m/s, for one percent a step
    paid = drive(load_reward(name), [1.0, 1.0, 0.0, -1.0])
    assert paid == pytest.approx([0.0, speed, 0.0, -speed])


def test_speed_pays_each_step_in_proportion_to_the_speed():
    slow, fast = (drive(load_reward("speed"), [0.0, gain])[1] for gain in (1.0, 2.0))
    assert fast == pytest.approx(2.0 * slow)


def test_speed_pays_less_near_the_edge():
    inside, edge = (
        drive(load_reward("speed"), [0.0, 1.0], all_wheels_on_track=on)[1] for on in (True, False)
    )
    assert 0.0 < edge < inside


@pytest.mark.parametrize(("name", "cost"), [("progress", 1.0), ("speed", 10.0)])
def test_leaving_the_track_does_not_pay(name, cost):
    assert drive(load_reward(name), [1.0, 1.0], is_offtrack=True) == [-cost, -cost]


# Calling


def test_each_car_has_its_own_globals(write):
    path = write(
        "calls = 0\n"
        "def reward_function(params):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    return calls\n"
    )
    reward = load_reward(path)
    assert reward(some_params(3)).tolist() == [1.0, 1.0, 1.0]
    assert reward(some_params(3)).tolist() == [2.0, 2.0, 2.0]
    assert load_reward(path)(some_params(1)).tolist() == [1.0]


def test_the_signature_of_2018(write):
    path = write(
        "seen = []\n"
        f"def reward_function({POSITIONAL}):\n"
        f"    seen.append(({POSITIONAL}))\n"
        "    return seen and 0.5\n"
    )
    reward = load_reward(path)
    assert reward(some_params(speed=2.0, steering=-np.radians(15.0))).tolist() == [0.5]
    values = reward._functions[0].call.__closure__  # the user's module is behind the adapter
    function = next(c.cell_contents for c in values if hasattr(c.cell_contents, "__globals__"))
    seen = dict(zip(POSITIONAL.split(", "), function.__globals__["seen"][0], strict=True))
    assert seen["on_track"] is True
    assert (seen["x"], seen["y"]) == pytest.approx((RADIUS, FRONT))
    assert seen["car_orientation"] == pytest.approx(0.5 * np.pi)
    assert seen["progress"] == pytest.approx(FRONT / TRACK.length, rel=0.01)
    assert (seen["throttle"], seen["steering"]) == pytest.approx((0.5, -0.5))
    assert seen["track_width"] == pytest.approx(2.0 * HALF)
    assert seen["closest_waypoint"] == 1  # 0.25 m apart, 0.14 m ahead of the first
    x, y, yaw = seen["waypoints"][0]
    step = 2.0 * np.pi / 50
    assert (x, y, yaw) == pytest.approx((RADIUS, 0.0, 0.5 * np.pi + 0.5 * step))
    assert len(seen["waypoints"]) == 51
    assert seen["waypoints"][-1] == seen["waypoints"][0]


@given(st.floats(-180.0, 180.0), st.floats(-1.0, 9.0), st.floats(-90.0, 90.0), st.integers(0, 49))
@settings(deadline=None)
def test_arguments_of_2018_stay_in_range(heading, speed, steering, behind):
    got = []
    call = reward_file._positional(lambda *arguments: got.append(arguments))
    params = some_params()[0]
    params |= {"heading": heading, "speed": speed, "steering_angle": steering}
    params["closest_waypoints"] = [behind, behind + 1]
    call(params)
    seen = dict(zip(POSITIONAL.split(", "), got[0], strict=True))
    assert abs(seen["car_orientation"]) <= np.pi
    assert 0.0 <= seen["throttle"] <= 1.0
    assert -1.0 <= seen["steering"] <= 1.0
    assert seen["closest_waypoint"] in (behind, (behind + 1) % 50)


@pytest.mark.parametrize(
    ("result", "expected"),
    [("True", 1.0), ("7", 7.0), ("-1e5", -1e5), ("np.float32(0.5)", 0.5), ("np.int64(3)", 3.0),
     ("np.bool_(False)", 0.0), ("np.array(0.5)", 0.5), ("np.array([[0.5]])", 0.5), ("'0.5'", 0.5),
     ("Decimal('0.5')", 0.5), ("Number()", 0.5)],
)  # fmt: skip
def test_results_that_are_numbers(write, result, expected):
    path = write(
        "import numpy as np\nfrom decimal import Decimal\n"
        "class Number:\n    def __float__(self):\n        return 0.5\n"
        f"def reward_function(params):\n    return {result}\n"
    )
    assert load_reward(path)(some_params()).tolist() == [expected]


@pytest.mark.parametrize(
    ("result", "said"),
    [("float('nan')", "nan"), ("float('inf')", "inf"), ("-float('inf')", "-inf"),
     ("'one'", "str"), ("None", "return"), ("[1.0]", "list"), ("1 + 0j", "complex"),
     ("1.1e5", "within"), ("-10 ** 5000", "within"), ("'x' * 10 ** 6", "str"),
     ("[10 ** 5000]", "list"), ("__import__('numpy').ones(2)", "ndarray"), ("'1e9'", "within")],
)  # fmt: skip
def test_results_that_are_refused(write, result, said):
    path = write(f"x = 1\ndef reward_function(params):\n    return {result}\n")
    with pytest.raises(RewardError, match=said) as error:
        load_reward(path)(some_params())
    message = str(error.value)
    assert f"{path}, line 2: reward_function returned" in message
    assert "step 1" in message
    assert "progress 1.1" in message
    assert len(message) < 1000


def test_numbers_just_out_of_range_are_refused(write):
    path = write("def reward_function(params):\n    return params['reward']\n")
    for value in (LIMIT, -LIMIT):
        assert load_reward(path)([some_params()[0] | {"reward": value}]).tolist() == [value]
        with pytest.raises(RewardError):
            load_reward(path)([some_params()[0] | {"reward": np.nextafter(value, 2 * value)}])


def test_an_exception_on_a_later_step_shows_the_users_line(write):
    path = write(
        "import json\n"
        "def reward_function(params):\n"
        "    if params['steps'] == 500:\n"
        "        return json.loads('{')\n"
        "    return 1.0\n"
    )
    reward = load_reward(path)
    assert reward([some_params()[0] | {"steps": 499}]).tolist() == [1.0]
    with pytest.raises(RewardError) as error:
        reward([some_params()[0] | {"steps": 500}])
    assert f"{path}, line 4: JSONDecodeError" in str(error.value)
    assert "return json.loads('{')" in str(error.value)
    assert "step 500" in str(error.value)


def test_an_object_that_fails_to_be_a_number_shows_the_users_line(write):
    path = write(
        "class Number:\n    def __float__(self):\n        return 1 / 0\n"
        "def reward_function(params):\n    return Number()\n"
    )
    with pytest.raises(RewardError, match="line 3: ZeroDivisionError"):
        load_reward(path)(some_params())


def test_an_exception_that_is_no_text_is_told_by_its_name(write):
    path = write(
        "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\n"
        "def reward_function(params):\n    raise Mute\n"
    )
    with pytest.raises(RewardError, match=r"line 5: Mute \(at step 1"):
        load_reward(path)(some_params())


@pytest.mark.parametrize(
    "body",
    ["os.chdir('/')\ndef reward_function(params):\n    return 1\n",
     "def reward_function(params):\n    os.chdir('/')\n    return 1\n"],
)  # fmt: skip
def test_the_working_folder_stays(write, tmp_path, monkeypatch, body):
    monkeypatch.chdir(tmp_path)
    assert load_reward(write(f"import os\n{body}"))(some_params(2)).tolist() == [1.0, 1.0]
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    "body",
    ["params.clear(); 1 / 0", "params['x'] = []; 1 / 0", "params['x'] = 10 ** 5000; 1 / 0",
     "raise SystemExit", "raise KeyError('x')", "assert False", "return params['no_such_key']"],
)  # fmt: skip
def test_exceptions_whatever_the_function_did_before(write, body):
    path = write(f"def reward_function(params):\n    {body}\n")
    with pytest.raises(RewardError, match="line 2: "):
        load_reward(path)(some_params())


def test_ctrl_c_is_not_taken_for_the_users_mistake(write):
    path = write("def reward_function(params):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_reward(path)(some_params())
