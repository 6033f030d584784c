import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.car import DT, CarStates, load_car
from deepracer_sim.referee import FRONT, STREAK, Referee, Status
from deepracer_sim.track import Track

CAR = load_car()
RADIUS = 2.0
HALF = 0.4  # m, half the width of the tracks here
STILL = np.zeros((1, 2))


def make_track(center, left=HALF, right=HALF):
    n = len(center)
    return Track("test", center, np.full(n, left), np.full(n, right), waypoints=center[::5])


def circle(left=HALF, right=HALF):
    angle = np.linspace(0.0, 2.0 * np.pi, 500, endpoint=False)
    return make_track(RADIUS * np.stack((np.cos(angle), np.sin(angle)), axis=1), left, right)


def stadium():
    """Two straights of 4 m along x, from (0, 0), and two half circles of radius 1 m."""
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 80, endpoint=False)
    x = np.concatenate((np.linspace(0.0, 4.0, 100, endpoint=False), 4.0 + np.cos(turn)))
    y = np.concatenate((np.zeros(100), 1.0 + np.sin(turn)))
    half = np.stack((x, y), axis=1)
    return make_track(np.concatenate((half, [4.0, 2.0] - half)))


CIRCLE, STADIUM = circle(), stadium()


def at(x, y, yaw):
    """States of cars at rest, from scalars or arrays."""
    x, y, yaw = np.broadcast_arrays(*np.atleast_1d(x, y, yaw))
    return CarStates(x, y, yaw, *np.zeros((4, len(x))))


def on_track(track, s, lateral=0.0, direction=1):
    """States of cars whose base_link is at arc length s in driving direction."""
    x, y, yaw = track.pose(direction * np.atleast_1d(s), direction * np.asarray(lateral)).T
    return at(x, y, yaw + (0.0 if direction > 0 else np.pi))


def judge_one(track, states, **start):
    referee = Referee(track, 1, CAR)
    referee.reset(np.array([0]), **start)
    return referee.judge(states, STILL)


@pytest.mark.parametrize("track", [CIRCLE, STADIUM], ids=["circle", "stadium"])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("start", [0.0, 0.05, 0.5, 0.99])
def test_a_lap_sums_to_100_percent_from_anywhere_both_ways(track, direction, start):
    referee = Referee(track, 1, CAR)
    start_s = start * track.length
    referee.reset(np.array([0]), start_s, direction)
    progress, statuses = [0.0], []
    for s in np.arange(start_s + 0.1, start_s + track.length + 0.1, 0.1):
        verdict = referee.judge(on_track(track, s, direction=direction), STILL)
        progress.append(verdict.progress_pct[0])
        statuses.append(verdict.status[0])
        if statuses[-1] == Status.LAP_COMPLETE:
            break
    gains = np.diff(progress)
    assert np.all(gains > 0.0)
    assert gains.sum() == pytest.approx(100.0, abs=1e-9)
    assert statuses[-1] == Status.LAP_COMPLETE
    assert set(statuses[:-1]) == {Status.IN_PROGRESS}
    # The front point, FRONT ahead, completes the lap that began where base_link stood.
    assert len(statuses) == pytest.approx((track.length - FRONT) / 0.1, abs=1.5)


def test_driving_backwards_earns_no_progress_and_ends_reversed_after_the_streak():
    referee = Referee(STADIUM, 1, CAR)
    states = [on_track(STADIUM, 1.0 - 0.05 * step) for step in range(1, STREAK + 4)]
    referee.reset(np.array([0]), 1.0 + FRONT)
    verdicts = [referee.judge(state, STILL) for state in states]
    assert all(v.progress_pct[0] < 0.0 for v in verdicts)
    first = next(i for i, v in enumerate(verdicts) if v.status[0] != Status.IN_PROGRESS)
    assert first == STREAK - 1
    assert verdicts[first].status[0] == Status.REVERSED


def test_a_step_ahead_begins_the_backward_streak_anew():
    referee = Referee(STADIUM, 1, CAR)
    referee.reset(np.array([0]), 2.0)
    s = 1.8
    for step in range(3 * STREAK):
        s += 0.05 if step % STREAK == STREAK - 1 else -0.02
        assert referee.judge(on_track(STADIUM, s), STILL).status[0] == Status.IN_PROGRESS


@pytest.mark.parametrize(("moved", "immobile"), [(0.0, True), (0.0002, True), (0.001, False)])
def test_immobilized_after_a_streak_without_motion(moved, immobile):
    referee = Referee(STADIUM, 1, CAR)
    statuses = [
        Status(referee.judge(at(moved * (step + 1), 0.0, 0.0), STILL).status[0])
        for step in range(STREAK)
    ]
    assert set(statuses[:-1]) == {Status.IN_PROGRESS}
    assert statuses[-1] == (Status.IMMOBILIZED if immobile else Status.IN_PROGRESS)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(
    ("lateral", "all_on", "off"),
    [(0.0, True, False), (0.319, True, False), (0.321, False, False), (0.479, False, False),
     (0.481, False, True)],
)  # fmt: skip
def test_wheels_on_a_straight(side, direction, lateral, all_on, off):
    # Wheels are 0.08 m to the left and right of the middle, the edges 0.4 m from the centre.
    states = at(2.0, side * lateral, 0.0 if direction > 0 else np.pi)
    verdict = judge_one(STADIUM, states, direction=direction)
    assert verdict.all_wheels_on_track[0] == all_on
    assert verdict.is_offtrack[0] == off
    assert verdict.status[0] == (Status.OFF_TRACK if off else Status.IN_PROGRESS)


def test_across_the_track_the_wheelbase_decides():
    half = 0.5 * CAR.wheelbase
    for y, off in ((HALF + half - 0.001, False), (HALF + half + 0.001, True)):
        assert judge_one(STADIUM, at(2.0, y, 0.5 * np.pi)).is_offtrack[0] == off


def test_one_wheel_is_enough_to_be_on_the_track():
    lowest = math.sin(0.25 * np.pi) * 0.5 * (CAR.wheelbase + CAR.track_width)
    for y, off in ((HALF + lowest - 0.001, False), (HALF + lowest + 0.001, True)):
        verdict = judge_one(STADIUM, at(2.0, y, 0.25 * np.pi))
        assert verdict.is_offtrack[0] == off
        assert not verdict.all_wheels_on_track[0]


def test_on_a_waypoint_it_is_the_one_behind():
    for direction, yaw in ((1, 0.0), (-1, np.pi)):
        verdict = judge_one(STADIUM, at(-direction * FRONT, 0.0, yaw), direction=direction)
        assert verdict.closest_waypoints[0].tolist() == [0, 1]


def test_each_car_has_its_own_wheels():
    wide = replace(CAR, track_width=np.array([0.16, 0.6]))
    referee = Referee(STADIUM, 2, wide)
    verdict = referee.judge(at([2.0, 2.0], [0.2, 0.2], 0.0), np.zeros((2, 2)))
    assert verdict.all_wheels_on_track.tolist() == [True, False]


@pytest.mark.parametrize("direction", [1, -1])
def test_front_point_on_a_circle(direction):
    verdict = judge_one(CIRCLE, on_track(CIRCLE, 3.0, direction=direction), direction=direction)
    outside = math.hypot(RADIUS, FRONT) - RADIUS  # the front point leaves along the tangent
    assert verdict.lateral[0] == pytest.approx(-direction * outside, abs=1e-4)
    assert verdict.distance_from_center[0] == pytest.approx(outside, abs=1e-4)
    assert verdict.s[0] == pytest.approx(3.0 + RADIUS * math.atan(FRONT / RADIUS), abs=1e-3)
    assert verdict.track_width[0] == pytest.approx(2.0 * HALF)
    assert verdict.is_left_of_center[0] == (direction < 0)
    assert verdict.is_reversed[0] == (direction < 0)


def test_left_of_center_means_nearer_to_the_left_border():
    track = circle(left=0.6, right=0.2)
    inside = RADIUS - 0.3  # left of the centre line, 0.3 m from the left border, 0.5 m from it
    assert judge_one(track, at(inside, -FRONT, 0.5 * np.pi)).is_left_of_center[0]
    between = RADIUS - 0.1  # left of the centre line too, but nearer to the right border
    assert not judge_one(track, at(between, -FRONT, 0.5 * np.pi)).is_left_of_center[0]


poses = st.tuples(st.floats(-1.5, 5.5), st.floats(-1.0, 3.0), st.floats(-10.0, 10.0))


@given(poses, st.sampled_from([1, -1]), st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_invariants_at_any_pose(pose, direction, start):
    verdict = judge_one(STADIUM, at(*pose), start_s=start * STADIUM.length, direction=direction)
    s, (behind, ahead) = verdict.s[0], verdict.closest_waypoints[0]
    waypoint_s = np.append(STADIUM.waypoint_s, STADIUM.length)
    if direction < 0:
        waypoint_s = STADIUM.length - waypoint_s[::-1]
    assert ahead == behind + 1
    assert waypoint_s[behind] <= s <= waypoint_s[ahead]
    assert 0.0 <= s <= STADIUM.length
    assert verdict.distance_from_center[0] >= 0.0
    assert verdict.progress_pct[0] <= 100.0
    assert -np.pi <= verdict.yaw[0] < np.pi
    if verdict.distance_from_center[0] > 1e-9:
        assert verdict.is_left_of_center[0] == (verdict.lateral[0] > 0.0)
    assert not (verdict.all_wheels_on_track[0] and verdict.is_offtrack[0])
    assert verdict.steps[0] == 1
    assert verdict.time[0] == verdict.sim_time[0] == DT


@given(st.floats(0.0, 1.0), st.floats(-0.5, 0.5), st.floats(-10.0, 10.0), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_a_mirrored_track_gives_mirrored_answers(s, lateral, turn, start):
    mirrored = make_track(STADIUM.center * [1.0, -1.0])
    x, y, yaw = STADIUM.pose(s * STADIUM.length, lateral)
    here = judge_one(STADIUM, at(x, y, yaw + turn), start_s=start * STADIUM.length)
    there = judge_one(mirrored, at(x, -y, -yaw - turn), start_s=start * STADIUM.length)
    assert there.lateral[0] == pytest.approx(-here.lateral[0], abs=1e-9)
    assert STADIUM.wrap(there.s - here.s)[0] == pytest.approx(0.0, abs=1e-9)
    if abs(here.lateral[0]) > 1e-9:
        assert there.is_left_of_center[0] != here.is_left_of_center[0]
    wheels = np.abs(STADIUM.locate(_wheels(x, y, yaw + turn)).lateral)
    if np.all(np.abs(wheels - HALF) > 1e-9):
        assert there.all_wheels_on_track[0] == here.all_wheels_on_track[0]
        assert there.is_offtrack[0] == here.is_offtrack[0]


def _wheels(x, y, yaw):
    ahead, left = 0.5 * CAR.wheelbase, 0.5 * CAR.track_width
    body = np.array([[ahead, left], [ahead, -left], [-ahead, left], [-ahead, -left]])
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    return body @ turn + [x, y]


@given(poses, st.floats(0.0, 0.99))
@settings(max_examples=100, deadline=None)
def test_direction_minus_one_is_the_reversed_track(pose, start):
    other_way = STADIUM.reversed()
    start_s = start * STADIUM.length
    ours = judge_one(STADIUM, at(*pose), start_s=start_s, direction=-1)
    theirs = judge_one(other_way, at(*pose), start_s=start_s)
    if abs(STADIUM.wrap(ours.s - theirs.s)[0]) > 1e-9:
        return  # two points of the centre line are equally near
    assert ours.lateral[0] == pytest.approx(theirs.lateral[0], abs=1e-9)
    assert ours.track_width[0] == pytest.approx(theirs.track_width[0])
    on_waypoint = np.min(np.abs(STADIUM.wrap(other_way.waypoint_s - ours.s))) < 1e-9
    if not on_waypoint:
        assert ours.closest_waypoints.tolist() == theirs.closest_waypoints.tolist()
        assert ours.is_left_of_center[0] == theirs.is_left_of_center[0] or ours.lateral[0] == 0.0


def test_clockwise_waypoints_are_the_list_turned_round():
    forward = judge_one(STADIUM, on_track(STADIUM, 3.03 - FRONT))
    n = len(STADIUM.waypoints)
    backward = judge_one(
        STADIUM, on_track(STADIUM, STADIUM.length - 3.03 - FRONT, direction=-1), direction=-1
    )
    behind, ahead = forward.closest_waypoints[0]
    assert backward.closest_waypoints[0].tolist() == [n - ahead, n - behind]


def test_crossing_the_start_line_back_and_forth_does_not_jump():
    referee = Referee(STADIUM, 1, CAR)
    steps = [0.05, -0.25, -0.3, -0.1, 0.0, 0.2]
    progress = [referee.judge(on_track(STADIUM, s), STILL).progress_pct[0] for s in steps]
    expected = [100.0 * (s + FRONT) / STADIUM.length for s in steps]
    assert progress == pytest.approx(expected, abs=0.01)


def test_without_a_reset_the_next_lap_begins_at_zero():
    referee = Referee(CIRCLE, 1, CAR)
    laps = []
    for s in np.arange(0.1, 2.5 * CIRCLE.length, 0.1):
        verdict = referee.judge(on_track(CIRCLE, s), STILL)
        laps.append(verdict.status[0] == Status.LAP_COMPLETE)
    assert sum(laps) == 2
    assert verdict.progress_pct[0] == pytest.approx(50.0 + 100.0 * FRONT / CIRCLE.length, abs=1.0)


def test_reset_touches_only_its_cars():
    referee = Referee(CIRCLE, 3, CAR)
    commands = np.zeros((3, 2))
    states = on_track(CIRCLE, [1.0, 2.0, 3.0])
    referee.judge(states, commands)
    poses = referee.reset(np.array([1]), [2.0], [-1])
    assert poses[0, :2] == pytest.approx(CIRCLE.pose(-2.0)[:2])
    assert math.cos(poses[0, 2] - CIRCLE.pose(-2.0)[2]) == pytest.approx(-1.0)
    verdict = referee.judge(states, commands)
    assert verdict.steps.tolist() == [2, 1, 2]
    assert verdict.is_reversed.tolist() == [False, True, False]
    assert verdict.sim_time.tolist() == [2 * DT] * 3
    assert verdict.time.tolist() == [2 * DT, DT, 2 * DT]


def test_a_verdict_is_not_changed_by_the_next_steps():
    referee = Referee(CIRCLE, 1, CAR)
    first = referee.judge(on_track(CIRCLE, 1.0), STILL)
    kept = [np.copy(values) for values in first]
    referee.judge(on_track(CIRCLE, 1.5), STILL + 1.0)
    referee.reset(np.array([0]), 3.0, -1)
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("side", [1, -1])
def test_put_back_on_the_nearer_lane_at_the_progress_before(direction, side):
    referee = Referee(STADIUM, 1, CAR)
    referee.reset(np.array([0]), 1.0, direction)
    before = referee.judge(on_track(STADIUM, 2.0, side * 0.3, direction), STILL)
    off = referee.judge(on_track(STADIUM, 2.2, side * 0.6, direction), STILL)
    assert off.status[0] == Status.OFF_TRACK
    pose = referee.put_back(np.array([0]))
    assert pose[0, :2] == pytest.approx(
        STADIUM.pose(direction * before.s[0], direction * side * HALF / 2.0)[:2], abs=1e-6
    )
    after = referee.judge(at(*pose.T), STILL)
    assert after.status[0] == Status.IN_PROGRESS
    assert after.steps[0] == 3  # the episode goes on
    gained = after.progress_pct[0] - before.progress_pct[0]
    # As far ahead as the front point is, more or less by the lane's radius.
    assert gained == pytest.approx(100.0 * FRONT / STADIUM.length, rel=0.3)
    assert math.cos(after.yaw[0] - pose[0, 2]) == pytest.approx(1.0)


def test_commands_are_passed_on():
    verdict = Referee(CIRCLE, 1, CAR).judge(on_track(CIRCLE, 1.0), np.array([[0.3, 2.5]]))
    assert (verdict.steering_angle[0], verdict.speed[0]) == (0.3, 2.5)


def test_time_is_up_before_anything_else():
    referee = Referee(STADIUM, 1, CAR, time_limit=2.5 * DT)
    statuses = [referee.judge(at(2.0, 5.0, 0.0), STILL).status[0] for _ in range(3)]
    assert statuses == [Status.OFF_TRACK, Status.OFF_TRACK, Status.TIME_UP]


def test_a_lap_completed_off_the_track_is_complete():
    referee = Referee(STADIUM, 1, CAR)
    for s in np.arange(0.1, STADIUM.length - 0.3, 0.2):
        referee.judge(on_track(STADIUM, s), STILL)
    verdict = referee.judge(on_track(STADIUM, STADIUM.length + 0.1, 0.7), STILL)
    assert verdict.is_offtrack[0]
    assert verdict.status[0] == Status.LAP_COMPLETE
