import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.camera import load_camera
from deepracer_sim.car import DT
from deepracer_sim.fleet import Fleet
from deepracer_sim.referee import Referee, Status
from deepracer_sim.track import Track, wrap_angle
from deepracer_sim.world import EmbeddedWorld

CAMERA = load_camera(width=32, height=24)
COUNTS = (2, 1, 3)  # cars on each track
N = sum(COUNTS)
EVERY = np.arange(N)


def ellipse(a, b, name):
    angle = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    center = np.stack((a * np.cos(angle), b * np.sin(angle)), axis=1)
    widths = np.full(len(center), 0.35)
    return Track(name, center, widths, widths, center[::10])


TRACKS = [ellipse(1.0, 1.0, "circle"), ellipse(1.6, 1.0, "egg"), ellipse(1.2, 1.2, "ring")]


@pytest.fixture(scope="module")
def worlds():
    """Shared: drawing a track takes longer than driving on it."""
    return [EmbeddedWorld(track, n, camera=CAMERA) for track, n in zip(TRACKS, COUNTS, strict=True)]


def poses(worlds):
    """Where all cars are, (n, 3)."""
    return np.concatenate([np.stack(world.states[:3], axis=-1) for world in worlds])


def start(track, number, direction=1):
    """The pose (3,) at which an episode starts: 5 % of the lap after the one before."""
    x, y, yaw = track.pose(direction * number / 20 * track.length)
    return np.array([x, y, yaw if direction > 0 else yaw + np.pi])


def assert_poses(found, wanted):
    # poses have single precision
    np.testing.assert_allclose(found[:, :2], np.array(wanted)[:, :2], atol=1e-6)
    np.testing.assert_allclose(wrap_angle(found[:, 2] - np.array(wanted)[:, 2]), 0.0, atol=1e-6)


def drive(fleet, steps, steering=0.0, speed=1.0):
    for _ in range(steps):
        verdict = fleet.step(np.tile([steering, speed], (fleet.n, 1)))
    return verdict


def test_cars_are_numbered_through_over_the_worlds(worlds):
    fleet = Fleet(worlds)
    assert fleet.n == N
    names = [track.name for track in fleet.tracks]
    assert names == ["circle", "circle", "egg", "ring", "ring", "ring"]


def test_each_track_has_a_round_robin_of_its_own(worlds):
    fleet = Fleet(worlds)
    circle, egg, ring = TRACKS
    first = [start(circle, 0), start(circle, 1), start(egg, 0), *(start(ring, k) for k in range(3))]
    assert_poses(poses(worlds), first)
    fleet.restart(np.array([1, 2, 5]))
    second = [first[0], start(circle, 2), start(egg, 1), first[3], first[4], start(ring, 3)]
    assert_poses(poses(worlds), second)
    fleet.restart(np.array([3, 4]))
    assert_poses(poses(worlds), [*second[:3], start(ring, 4), start(ring, 5), second[5]])


def test_the_round_robin_comes_round_after_20_episodes(worlds):
    fleet = Fleet(worlds)
    for _ in range(20):
        fleet.restart(np.array([2]))
    assert_poses(poses(worlds)[[2]], [start(TRACKS[1], 0)])


def test_restart_of_all_counts_from_a_number(worlds):
    fleet = Fleet(worlds)
    fleet.restart_all(7)
    wanted = [start(TRACKS[k], 7 + j) for k in range(3) for j in range(COUNTS[k])]
    assert_poses(poses(worlds), wanted)
    fleet.restart_all()
    assert_poses(poses(worlds)[[0, 1]], [start(TRACKS[0], 0), start(TRACKS[0], 1)])


def test_without_round_robin_all_start_on_the_line(worlds):
    fleet = Fleet(worlds, round_robin=False)
    assert_poses(poses(worlds), [start(track, 0) for track in fleet.tracks])
    fleet.restart(np.array([4]))
    assert_poses(poses(worlds)[[4]], [start(TRACKS[2], 0)])


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("alternate", [False, True])
def test_directions_are_those_asked_for(worlds, clockwise, alternate):
    fleet = Fleet(worlds, clockwise=clockwise, alternate=alternate)
    first = -1 if clockwise else 1
    numbers = [j for n in COUNTS for j in range(n)]
    directions = [-first if alternate and number % 2 else first for number in numbers]
    wanted = [
        start(track, *episode)
        for track, *episode in zip(fleet.tracks, numbers, directions, strict=True)
    ]
    assert_poses(poses(worlds), wanted)
    verdict = drive(fleet, 10)
    np.testing.assert_array_equal(verdict.is_reversed, np.array(directions) < 0)
    assert np.all(verdict.progress_pct > 0.0)  # forward, in whichever direction


def test_restart_of_some_leaves_the_others_driving(worlds):
    fleet = Fleet(worlds)
    drive(fleet, 8)
    before = poses(worlds)
    fleet.restart(np.array([0, 3]))
    others = [1, 2, 4, 5]
    np.testing.assert_array_equal(poses(worlds)[others], before[others])
    verdict = drive(fleet, 1)
    assert verdict.steps.tolist() == [1, 9, 9, 1, 9, 9]
    assert np.all(verdict.progress_pct[others] > verdict.progress_pct[[0, 3]].max())


def test_no_car_means_nothing_to_do(worlds):
    fleet = Fleet(worlds)
    drive(fleet, 3)
    before, nobody = poses(worlds), np.empty(0, np.int64)
    for act in (fleet.restart, fleet.put_back, fleet.next_lap):
        act(nobody)
    np.testing.assert_array_equal(poses(worlds), before)
    assert fleet.frames(nobody).shape == (0, 24, 32)


def test_a_car_that_left_the_track_is_put_back_on_it(worlds):
    fleet = Fleet(worlds)
    steps = 0
    while True:
        verdict, steps = drive(fleet, 1, speed=1.5), steps + 1
        off = np.flatnonzero(verdict.status == Status.OFF_TRACK)
        if len(off):
            break
    driving = np.setdiff1d(EVERY, off)
    before = poses(worlds)
    fleet.put_back(off)
    after = poses(worlds)
    np.testing.assert_array_equal(after[driving], before[driving])
    for car in off:
        track = fleet.tracks[car]
        lane = abs(float(track.locate(after[car, :2]).lateral))
        assert lane == pytest.approx(0.35 / 2, abs=1e-4)  # its middle
    verdict = fleet.step(np.zeros((N, 2)))
    assert np.all(verdict.steps == steps + 1)  # the episodes go on
    assert np.all(verdict.status[off] == Status.IN_PROGRESS)
    assert np.all(verdict.progress_pct[off] > 1.0)


@pytest.mark.parametrize("clockwise", [False, True])
def test_the_next_lap_begins_without_a_stop(worlds, clockwise):
    fleet = Fleet(worlds, clockwise=clockwise, round_robin=False)
    drive(fleet, 12)
    before = [np.stack(world.states) for world in worlds]
    fleet.next_lap(np.array([0, 2]))
    for old, world in zip(before, worlds, strict=True):
        np.testing.assert_array_equal(np.stack(world.states), old)
    verdict = drive(fleet, 1)
    assert verdict.steps.tolist() == [1, 13, 1, 13, 13, 13]
    assert np.all(verdict.is_reversed == clockwise)
    assert verdict.progress_pct[0] == pytest.approx(verdict.progress_pct[1], abs=1.0)


def test_the_time_limit_ends_episodes(worlds):
    fleet = Fleet(worlds, time_limit=3 * DT)
    assert np.all(drive(fleet, 3).status == Status.IN_PROGRESS)
    fleet.restart(np.array([2]))
    statuses = drive(fleet, 1).status
    assert statuses[2] == Status.IN_PROGRESS
    assert np.all(np.delete(statuses, 2) == Status.TIME_UP)


def test_a_verdict_is_taken_apart_by_track(worlds):
    fleet = Fleet(worlds)
    verdict = drive(fleet, 4)
    parts = fleet.by_track(verdict)
    assert [track for track, _ in parts] == TRACKS
    assert [len(part.s) for _, part in parts] == list(COUNTS)
    for whole, *pieces in zip(verdict, *(part for _, part in parts), strict=True):
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_commands_reach_the_car_that_they_are_for(worlds):
    fleet = Fleet(worlds)
    before = poses(worlds)
    commands = np.zeros((N, 2))
    commands[3] = 0.0, 2.0
    for _ in range(10):
        verdict = fleet.step(commands)
    moved = np.hypot(*(poses(worlds) - before)[:, :2].T)
    assert moved[3] > 0.3
    assert np.delete(moved, 3).max() < 1e-9
    np.testing.assert_array_equal(verdict.speed, commands[:, 1])


@settings(max_examples=25, deadline=None)
@given(cars=st.sets(st.integers(0, N - 1)))
def test_frames_of_some_are_those_of_all(worlds, cars):
    fleet = Fleet(worlds)
    everyone = fleet.frames()
    assert everyone.shape == (N, 24, 32)
    np.testing.assert_array_equal(everyone, np.concatenate([world.frames() for world in worlds]))
    some = np.array(sorted(cars), np.int64)
    np.testing.assert_array_equal(fleet.frames(some), everyone[some])


def test_one_world_is_judged_as_by_a_referee_of_its_own():
    n, track = 4, TRACKS[1]
    fleet = Fleet([EmbeddedWorld(track, n, camera=CAMERA)], time_limit=60.0)
    world, referee = EmbeddedWorld(track, n, camera=CAMERA), Referee(track, n, fleet.worlds[0].car)
    every = np.arange(n)
    world.reset(every, referee.reset(every, every / 20 * track.length))
    rng = np.random.default_rng(0)
    for _ in range(30):
        commands = rng.uniform([-0.5, 0.5], [0.5, 2.0], (n, 2))
        wanted, verdict = referee.judge(world.step(commands), commands), fleet.step(commands)
        for name, mine, its in zip(verdict._fields, verdict, wanted, strict=True):
            np.testing.assert_array_equal(mine, its, err_msg=name)
    np.testing.assert_array_equal(fleet.frames(), world.frames())


def test_worlds_together_are_judged_as_alone(worlds):
    commands = np.random.default_rng(1).uniform([-0.5, 0.5], [0.5, 2.0], (20, N, 2))
    together = [Fleet(worlds)]
    wanted = [together[0].step(command) for command in commands][-1]
    parts = together[0].by_track(wanted)
    for k, (world, end) in enumerate(zip(worlds, np.cumsum(COUNTS), strict=True)):
        fleet = Fleet([world])
        own = slice(end - COUNTS[k], end)
        verdict = [fleet.step(command[own]) for command in commands][-1]
        for mine, its in zip(verdict, parts[k][1], strict=True):
            np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("count", [0, N - 1, N + 1])
def test_commands_for_another_number_of_cars_are_refused(worlds, count):
    with pytest.raises(ValueError, match="shape"):
        Fleet(worlds).step(np.zeros((count, 2)))


def test_close_closes_every_world():
    class Closing(EmbeddedWorld):
        closed = 0

        def close(self):
            Closing.closed += 1

    Fleet([Closing(TRACKS[0], 1, camera=CAMERA) for _ in range(2)]).close()
    assert Closing.closed == 2


def test_no_time_limit_is_the_default(worlds):
    verdict = drive(Fleet(worlds), 5, speed=0.2)
    assert np.all(verdict.status == Status.IN_PROGRESS)
    assert math.isfinite(verdict.time[0])
