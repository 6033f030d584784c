"""Evaluation by drivers whose laps are known beforehand."""

import json
import math
from datetime import datetime

import numpy as np
import pytest

from deepracer_agent.evaluate import Rules, drive_episodes, drive_laps
from deepracer_agent.evaluation_files import TraceKeeper, write_trials
from deepracer_agent.metrics import read_evaluation_metrics
from deepracer_agent.simtrace import evaluation_trace_folder
from deepracer_agent.simtrace_reader import read_trace
from deepracer_sim.car import DT
from deepracer_sim.fleet import Fleet
from deepracer_sim.referee import Status
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

SPEED = 1.5  # m/s
WHEN = datetime(2024, 5, 6, 7, 8, 9)


@pytest.fixture
def make_fleet(round_track):
    def make(*names, **rules):
        tracks = [load_track(name) for name in names or (round_track,)]
        return Fleet([EmbeddedWorld(track, 1) for track in tracks], round_robin=False, **rules)

    return make


def along_the_center(fleet, direction=1):
    """A driver that looks at the world instead of the frames: steers for a point 0.5 m ahead."""

    def drive(frames):
        assert frames.shape == (fleet.n, 120, 160)
        commands = []
        for world in fleet.worlds:
            x, y, yaw = (value[0] for value in world.states[:3])
            s = world.track.locate(np.array([x, y])).s
            goal = world.track.pose(s + 0.5 * direction)
            bearing = math.atan2(goal[1] - y, goal[0] - x) - yaw
            curvature = 2.0 * math.sin(bearing) / math.hypot(goal[0] - x, goal[1] - y)
            commands.append((math.atan(0.164 * curvature) / 0.814, SPEED))
        return np.array(commands)

    return drive


def straight_on(frames):
    return np.tile([0.0, SPEED], (len(frames), 1))


def standing(frames):
    return np.zeros((len(frames), 2))


def test_a_good_driver_drives_lap_after_lap(make_fleet):
    fleet = make_fleet("oval")
    (trials,) = drive_laps(fleet, along_the_center(fleet), Rules(laps=3))
    outcomes = [trial.outcome for trial in trials]
    assert [outcome.status for outcome in outcomes] == [Status.LAP_COMPLETE] * 3
    assert [outcome.progress for outcome in outcomes] == [100.0] * 3
    assert [trial.resets for trial in trials] == [()] * 3
    standing_start, *flying = [outcome.end - outcome.start for outcome in outcomes]
    at_speed = fleet.worlds[0].track.length / SPEED
    assert flying == pytest.approx([at_speed, at_speed], rel=0.02)
    assert standing_start > max(flying) + 2 * DT
    # one lap begins where the other ends
    assert [outcome.start for outcome in outcomes[1:]] == [outcome.end for outcome in outcomes[:-1]]
    assert outcomes[0].start == 0.0


def test_laps_the_other_way_round_are_as_good(make_fleet):
    fleet = make_fleet("oval", clockwise=True)
    (trials,) = drive_laps(fleet, along_the_center(fleet, -1), Rules(laps=2))
    assert [trial.outcome.status for trial in trials] == [Status.LAP_COMPLETE] * 2


def test_leaving_the_track_costs_time_and_in_the_end_the_lap(make_fleet):
    fleet = make_fleet()
    steps = []
    rules = Rules(laps=2, off_track_penalty=3.0, max_resets=2)
    (trials,) = drive_laps(fleet, straight_on, rules, [steps.append])
    assert len(trials) == 2
    for number, (outcome, resets) in enumerate(trials, start=1):
        own = [step for step in steps if step.trial[0] == number]
        assert outcome.status == Status.OFF_TRACK
        assert resets == (Status.OFF_TRACK,) * 2
        assert outcome.end - outcome.start == pytest.approx(len(own) * DT + 2 * 3.0)
        assert [step.penalty[0] for step in own if step.penalty[0]] == [3.0, 3.0]
        assert [step.done[0] for step in own] == [False] * (len(own) - 1) + [True]
        assert 0.0 < outcome.progress < 100.0


def test_a_car_that_is_put_back_goes_on_where_it_was(make_fleet):
    fleet = make_fleet()
    progress = []
    rules = Rules(laps=1, max_resets=3)
    drive_laps(
        fleet, straight_on, rules, [lambda step: progress.append(step.verdict.progress_pct[0])]
    )
    assert np.diff(progress).min() > -5.0  # it never starts anew
    assert progress[-1] > 20.0


def test_without_resets_the_first_mistake_ends_the_trial(make_fleet):
    (trials,) = drive_laps(make_fleet(), straight_on, Rules(laps=1, max_resets=0))
    assert trials[0].resets == ()
    assert trials[0].outcome.status == Status.OFF_TRACK


def test_standing_still_ends_without_penalty(make_fleet):
    (trials,) = drive_laps(make_fleet(), standing, Rules(laps=1, max_resets=1))
    ((outcome, resets),) = trials
    assert resets == (Status.IMMOBILIZED,)
    assert outcome.status == Status.IMMOBILIZED
    assert outcome.end == pytest.approx(2 * 15 * DT)


def test_time_that_is_up_ends_the_trial(make_fleet):
    fleet = make_fleet(time_limit=0.5)
    (trials,) = drive_laps(fleet, along_the_center(fleet), Rules(laps=1))
    assert trials[0].outcome.status == Status.TIME_UP
    assert trials[0].resets == ()


def test_each_track_has_its_own_trials(make_fleet, round_track):
    fleet = make_fleet("oval", round_track)
    trials = drive_laps(fleet, along_the_center(fleet), Rules(laps=2))
    times = [[outcome.end - outcome.start for outcome, _ in own] for own in trials]
    assert [len(own) for own in times] == [2, 2]
    assert min(times[0]) > 2 * max(times[1])  # the oval is over twice as long


def test_episodes_are_driven_once_each(make_fleet, round_track):
    fleet = make_fleet("oval", round_track)
    outcomes = drive_episodes(fleet, along_the_center(fleet))
    assert [outcome.status for outcome in outcomes] == [Status.LAP_COMPLETE] * 2
    assert outcomes[0].end > 2 * outcomes[1].end
    fleet.restart_all()
    assert {outcome.status for outcome in drive_episodes(fleet, straight_on)} == {Status.OFF_TRACK}


def test_what_an_evaluation_leaves_is_in_deepracers_formats(make_fleet, round_track, tmp_path):
    fleet = make_fleet(round_track, "oval")
    trace = TraceKeeper(tmp_path, WHEN, fleet.tracks)
    rules = Rules(laps=2, max_resets=1)
    trials = drive_laps(fleet, straight_on, rules, [trace])
    paths = write_trials(tmp_path, WHEN, trials)
    trace.write()

    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    stem = "metrics/EvaluationMetrics-20240506070809"
    assert names == [f"{stem}.json", f"{stem}-1.json"]
    assert json.loads(paths[0].read_text())["version"] == 2.0
    for path, own in zip(paths, trials, strict=True):
        for row, (outcome, resets) in zip(read_evaluation_metrics(path), own, strict=True):
            assert row.completion_percentage == int(outcome.progress)
            elapsed = (outcome.end - outcome.start) * 1000
            assert row.elapsed_time_in_milliseconds == round(elapsed)
            assert row.episode_status == "Off track"
            assert row.off_track_count == row.reset_count == len(resets) == 1

    (file,) = evaluation_trace_folder(tmp_path, WHEN).iterdir()
    seen = read_trace(file)
    assert seen.speed == pytest.approx(SPEED)
    assert {"prepare", "in_progress", "pause", "off_track"} == set(seen.status)
    assert not seen.reward.any()
