"""The trace of every step: DeepRacer's CSV files, written and read back."""

import math
import re
from contextlib import suppress
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent.simtrace import (
    COLUMNS,
    TraceWriter,
    evaluation_trace_folder,
    training_trace_folder,
)
from deepracer_agent.simtrace_reader import read_trace
from deepracer_sim.car import Cars, load_car
from deepracer_sim.errors import UserError
from deepracer_sim.referee import Referee, Status, Verdict
from deepracer_sim.track_files import load_track

TRACK = load_track("reinvent_2018")
HEADER = (
    "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,"
    "closest_waypoint,track_len,tstamp,episode_status,pause_duration,obstacle_crash_counter,"
    "wall_clock"
)


def verdict(n=1, **fields):
    """A verdict on n cars on the start line; `fields` say what is different."""
    values = {name: np.zeros(n) for name in Verdict._fields}
    for name in ("is_left_of_center", "all_wheels_on_track", "is_offtrack", "is_reversed"):
        values[name] = np.zeros(n, bool)
    values["status"] = np.zeros(n, int)
    values["closest_waypoints"] = np.tile([0, 1], (n, 1))
    values["x"], values["y"] = np.full(n, TRACK.waypoints[0, 0]), np.full(n, TRACK.waypoints[0, 1])
    return Verdict(**values | fields)


def record(writer, n=1, done=False, actions=None, time=0.0, pause=0.0, **fields):
    actions = np.zeros(n, int) if actions is None else actions
    done = np.broadcast_to(done, n)
    writer.record(verdict(n, **fields), actions, np.ones(n), done, time, 1e9 + time, pause)


def drive(writer, n, steps, seed=0, continuous=False):
    """Drive n cars at random, judged by the referee; returns what the trace should hold."""
    rng = np.random.default_rng(seed)
    cars, referee = Cars(load_car(), n), Referee(TRACK, n, load_car())
    ends = []
    cars.reset(np.arange(n), referee.reset(np.arange(n)))
    for step in range(steps):
        actions = rng.uniform(-1, 1, (n, 2)) if continuous else rng.integers(0, 3, n)
        steering = actions[:, 0] if continuous else actions - 1.0
        commands = np.stack([0.5 * steering, np.full(n, 2.0)], axis=-1)
        judged = referee.judge(cars.step(commands), commands)
        done = judged.status != Status.IN_PROGRESS
        writer.record(judged, actions, judged.progress_pct, done, step / 15, 1e9 + step)
        over = np.flatnonzero(done)
        ends += [(judged.steps[car], judged.progress_pct[car]) for car in over]
        cars.reset(over, referee.reset(over))
    return ends


def read_all(folder):
    return [read_trace(folder / f"{i}-iteration.csv") for i in range(len(list(folder.iterdir())))]


def test_the_columns_are_deepracer_s():
    assert ",".join(COLUMNS) == HEADER


def test_a_line_has_deepracer_s_format(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    record(writer, time=20.2)
    record(
        writer,
        done=True,
        actions=np.array([11]),
        time=20.2 + 1 / 15,
        x=np.array([3.19989695]),
        y=np.array([0.68312426]),
        yaw=np.radians([0.18796826]),
        steering_angle=np.radians([-20.0]),
        speed=np.array([2.0]),
        all_wheels_on_track=np.array([True]),
        progress_pct=np.array([0.79147871]),
        closest_waypoints=np.array([[0, 1]]),
        status=np.array([Status.OFF_TRACK]),
    )
    lines = (tmp_path / "0-iteration.csv").read_text().splitlines()
    assert lines[0] == HEADER
    assert lines[1].split(",")[15] == "prepare"
    assert lines[2] == (
        "0,2,3.1999,0.6831,0.1880,-20.00,2.00,11,1.0000,True,True,0.7915,1,"
        f"{TRACK.length:.2f},20.267,off_track,0.00,0,1000000020.2667"
    )


def test_the_closest_waypoint_is_the_nearer_one_in_driving_direction(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK] * 3, episodes_per_file=3)
    near_30 = TRACK.waypoints[30] + 0.3 * (TRACK.waypoints[31] - TRACK.waypoints[30])
    x, y = np.tile(near_30, (3, 1)).T
    last = len(TRACK.waypoints)
    pairs = np.array([[30, 31], [last - 31, last - 30], [29, 30]])
    is_reversed = np.array([False, True, False])
    record(writer, 3, True, x=x, y=y, closest_waypoints=pairs, is_reversed=is_reversed)
    found = read_trace(tmp_path / "0-iteration.csv").closest_waypoint
    assert found.tolist() == [30, last - 30, 30]


@pytest.mark.parametrize("continuous", [False, True])
def test_every_file_holds_as_many_episodes_numbered_on(tmp_path, continuous):
    writer = TraceWriter(tmp_path, [TRACK] * 5, episodes_per_file=4)
    ends = drive(writer, 5, 400, continuous=continuous)
    writer.write()
    traces = read_all(tmp_path)
    assert writer.episodes == len(ends) > 12
    for i, trace in enumerate(traces):
        here = list(range(4 * i, min(4 * (i + 1), len(ends))))
        assert list(dict.fromkeys(trace.episode.tolist())) == here
    steps = np.concatenate([trace.steps[trace.done] for trace in traces])
    progress = np.concatenate([trace.progress_pct[trace.done] for trace in traces])
    assert steps.tolist() == [end[0] for end in ends]
    np.testing.assert_allclose(progress, [end[1] for end in ends], atol=5e-5)


def test_an_episode_is_whole_and_in_order_though_cars_drive_side_by_side(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK] * 5, episodes_per_file=1000)
    drive(writer, 5, 300)
    writer.write()
    trace = read_trace(tmp_path / "0-iteration.csv")
    for episode in range(writer.episodes):
        mine = trace.episode == episode
        assert trace.steps[mine].tolist() == list(range(1, mine.sum() + 1))
        assert trace.done[mine].tolist() == [False] * (mine.sum() - 1) + [True]
        assert trace.status[mine][0] == "prepare"
        assert set(trace.status[mine][1:-1]) <= {"in_progress"}
        np.testing.assert_allclose(np.diff(trace.time[mine]), 1 / 15, atol=1.1e-3)
        assert np.hypot(np.diff(trace.x[mine]), np.diff(trace.y[mine])).max() < 0.2  # no jumps


def test_what_is_read_is_what_was_recorded(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    record(writer, time=1.0, yaw=np.array([3.0]), steering_angle=np.array([-0.3]))
    record(writer, time=2.0, done=True, speed=np.array([1.25]), progress_pct=np.array([100.0]))
    trace = read_trace(tmp_path / "0-iteration.csv")
    np.testing.assert_allclose(trace.yaw, [3.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(trace.steering_angle, [-0.3, 0.0], atol=1e-4)
    np.testing.assert_array_equal(trace.speed, [0.0, 1.25])
    np.testing.assert_array_equal(trace.progress_pct, [0.0, 100.0])  # tools ask for exactly 100
    np.testing.assert_array_equal(trace.time, [1.0, 2.0])
    np.testing.assert_array_equal(trace.reward, [1.0, 1.0])
    np.testing.assert_allclose(trace.track_length, TRACK.length, atol=5e-3)
    assert trace.done.tolist() == [False, True]
    assert trace.action.tolist() == [0, 0]


def test_continuous_actions_are_told_as_text(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    command = {"steering_angle": np.radians([12.5]), "speed": np.array([1.5])}
    record(writer, done=True, actions=np.array([[0.4, 0.0]]), **command)
    assert ",[12.50 1.50]," in (tmp_path / "0-iteration.csv").read_text()
    assert read_trace(tmp_path / "0-iteration.csv").action.tolist() == [-1]


def test_a_penalty_is_a_pause(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    record(writer)
    record(writer, status=np.array([Status.OFF_TRACK]))
    record(writer, pause=2.0)
    record(writer, done=True, status=np.array([Status.LAP_COMPLETE]))
    trace = read_trace(tmp_path / "0-iteration.csv")
    assert trace.status.tolist() == ["prepare", "off_track", "pause", "lap_complete"]


def test_what_the_caller_does_with_its_arrays_later_is_not_recorded(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    actions, rewards, done = np.array([7]), np.array([0.5]), np.array([False])
    writer.record(verdict(), actions, rewards, done, 0.0, 0.0)
    actions[:], rewards[:], done[:] = 8, 9.0, True
    writer.record(verdict(), actions, rewards, done, 0.1, 0.1)
    trace = read_trace(tmp_path / "0-iteration.csv")
    assert trace.action.tolist() == [7, 8]
    assert trace.reward.tolist() == [0.5, 9.0]


def test_nothing_ended_nothing_written(tmp_path):
    writer = TraceWriter(tmp_path / "trace", [TRACK], episodes_per_file=1)
    record(writer)
    writer.write()
    assert not (tmp_path / "trace").exists()


def test_a_resumed_training_goes_on_where_the_checkpoint_was(tmp_path):
    (tmp_path / "notes.csv").write_text("mine")
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=3)
    for _ in range(11):
        record(writer)
        record(writer, done=True)
    writer.write()
    whole = read_trace(tmp_path / "1-iteration.csv")
    before = (tmp_path / "0-iteration.csv").read_bytes()

    resumed = TraceWriter(tmp_path, [TRACK], episodes_per_file=3, episodes=4)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["0-iteration.csv", "1-iteration.csv", "notes.csv"]
    for _ in range(2):
        record(resumed, actions=np.array([5]))
        record(resumed, done=True)
    again = read_trace(tmp_path / "1-iteration.csv")
    assert (tmp_path / "0-iteration.csv").read_bytes() == before
    assert again.episode.tolist() == whole.episode.tolist() == [3, 3, 4, 4, 5, 5]
    assert again.action.tolist() == [0, 0, 5, 0, 5, 0]


def test_a_training_that_starts_anew_removes_the_old_trace(tmp_path):
    writer = TraceWriter(tmp_path, [TRACK], episodes_per_file=1)
    for _ in range(3):
        record(writer, done=True)
    TraceWriter(tmp_path, [TRACK], episodes_per_file=1, episodes=0)
    assert list(tmp_path.iterdir()) == []


def test_folders_are_where_the_analysis_tools_look(tmp_path):
    when = datetime(2026, 1, 2, 3, 4, 5)
    assert training_trace_folder(tmp_path) == tmp_path / "simtrace" / "training-simtrace"
    folder = evaluation_trace_folder(tmp_path, when)
    assert re.search(r"simtrace/evaluation-([0-9]{14})/evaluation-simtrace$", folder.as_posix())


# Reading what others wrote

SERVICE = """\
episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,\
closest_waypoint,track_len,tstamp,episode_status,pause_duration
0,1.0,3.2,0.68,90.0,20.0,2.0,11,0.0,False,True,0.79,1,17.7,20.2,prepare,0.0
0,2.0,3.3,0.69,-45.0,-30.0,1.0,[-30.0 1.0],1.0,True,False,1.46,2,17.7,20.3,off_track,0.0
"""


def read_text(tmp_path, text):
    path = tmp_path / "0-iteration.csv"
    path.write_text(text)
    return read_trace(path)


def test_a_trace_of_the_service_is_read(tmp_path):
    trace = read_text(tmp_path, SERVICE)
    assert trace.steps.tolist() == [1, 2]
    np.testing.assert_allclose(trace.yaw, [math.pi / 2, -math.pi / 4])
    np.testing.assert_allclose(trace.steering_angle, np.radians([20, -30]))
    assert trace.action.tolist() == [11, -1]
    assert trace.done.tolist() == [False, True]
    assert trace.all_wheels_on_track.tolist() == [True, False]
    assert trace.status.tolist() == ["prepare", "off_track"]


def test_a_header_alone_is_an_empty_trace(tmp_path):
    trace = read_text(tmp_path, SERVICE.splitlines()[0])
    assert trace.x.shape == trace.episode.shape == (0,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tstamp", "time", "line 1: there is no column 'tstamp'"),
        (",0.79,", ",", "line 2: 16 values for 17 columns"),
        (",1.46,", ",much,", "line 3, column 'progress' is 'much'; accepted is a finite number"),
        (",1.46,", ",nan,", "line 3, column 'progress' is 'nan'"),
        (",3.2,", ",1e300,", "line 2, column 'X' is '1e300'"),
        ("1.0,True", "1.0,yes", "line 3, column 'done' is 'yes'; accepted is True or False"),
    ],
)
def test_bad_traces_are_refused_with_line_and_column(tmp_path, old, new, said):
    assert old in SERVICE
    with pytest.raises(UserError, match=said) as caught:
        read_text(tmp_path, SERVICE.replace(old, new, 1))
    assert str(tmp_path / "0-iteration.csv") in str(caught.value)


@pytest.mark.parametrize("text", ["", "\ufeff", "\n\n", "a,b\n", '"', "{}", "x" * 200_000])
def test_what_is_no_trace_is_refused(tmp_path, text):
    with pytest.raises(UserError):
        read_text(tmp_path, text)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_trace_is_read_or_a_user_error(tmp_path_factory, data):
    begin = data.draw(st.integers(0, len(SERVICE)))
    end = data.draw(st.integers(begin, len(SERVICE)))
    junk = data.draw(st.text('0,.-\n"eTn\x00é', max_size=8))
    with suppress(UserError):
        trace = read_text(tmp_path_factory.mktemp("trace"), SERVICE[:begin] + junk + SERVICE[end:])
        assert len({len(column) for column in trace}) == 1
