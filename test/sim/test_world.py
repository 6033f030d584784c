"""The contract of World, for every implementation that WORLDS names.

Tolerances are those of a simulated car, so that a world with physics of its own can keep it too.
"""

import numpy as np
import pytest

from deepracer_sim.car import DT, CarStates
from deepracer_sim.grey import grey
from deepracer_sim.track import wrap_angle
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

WORLDS = {"embedded": EmbeddedWorld}  # called as make(track, n)
TRACK = load_track("oval")
N = 3
EVERY = np.arange(N)


@pytest.fixture(scope="module", params=list(WORLDS))
def opened(request):
    """A world that the tests of this file share: starting one may take long."""
    world = WORLDS[request.param](TRACK, N)
    yield world
    world.close()


@pytest.fixture
def world(opened):
    opened.reset(EVERY, start_poses())
    return opened


def start_poses():
    """Poses (N, 3) along the first straight."""
    return TRACK.pose(0.3 * EVERY, 0.0)


def driven(world, steering, speed, steps):
    """The states after some steps of all cars under one command."""
    for _ in range(steps):
        states = world.step(np.tile([float(steering), float(speed)], (N, 1)))
    return states


def assert_at(states, cars, poses):
    """Check that cars stand at poses within a centimetre and half a degree."""
    found = np.stack(states[:3], axis=-1)[cars] - poses
    assert np.abs(found[:, :2]).max() < 0.01
    assert np.abs(wrap_angle(found[:, 2])).max() < 0.01


def test_it_says_what_it_simulates(world):
    assert world.n == N
    assert world.track is TRACK
    assert world.car.wheelbase > 0.0
    assert (world.camera.width, world.camera.height) == (160, 120)


def test_reset_puts_cars_where_told_and_at_rest(world):
    driven(world, 0.3, 1.0, 10)
    poses = np.array([[1.0, 0.1, 0.0], [0.5, -0.1, 3.0], [2.0, 0.0, -1.5]])
    world.reset(EVERY, poses)
    assert_at(world.states, EVERY, poses)
    assert np.abs(np.stack(world.states[3:])).max() < 0.01


def test_after_reset_a_car_stays_at_rest(world):
    driven(world, 0.3, 1.0, 10)
    world.reset(EVERY, start_poses())
    states = driven(world, 0.0, 0.0, 15)  # no command of before comes through
    assert_at(states, EVERY, start_poses())


def test_reset_leaves_the_other_cars_alone(world):
    before = driven(world, 0.1, 1.0, 10)
    pose = TRACK.pose(np.array([1.0]))
    world.reset(np.array([1]), pose)
    after, others = world.states, [0, 2]
    assert_at(after, [1], pose)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new[others], old[others], atol=0.01)
    ahead = world.step(np.tile([0.0, 1.0], (N, 1)))
    assert np.all(np.hypot(ahead.x - after.x, ahead.y - after.y)[others] > 0.02)  # still rolling


def test_reset_of_no_car_changes_nothing(world):
    before = driven(world, 0.1, 1.0, 5)
    world.reset(np.empty(0, np.int64), np.empty((0, 3)))
    np.testing.assert_array_equal(world.states, before)


def test_cars_are_put_in_the_order_asked_for(world):
    poses = start_poses()
    world.reset(EVERY[::-1].copy(), poses)
    assert_at(world.states, EVERY[::-1], poses)


def test_step_returns_the_states_that_follow(world):
    states = world.step(np.tile([0.0, 1.0], (N, 1)))
    assert isinstance(states, CarStates)
    for returned, present in zip(states, world.states, strict=True):
        assert returned.shape == (N,)
        assert returned.dtype == np.float64
        np.testing.assert_array_equal(returned, present)


def test_returned_states_are_the_callers_own(world):
    first = driven(world, 0.0, 1.0, 5)
    kept = [field.copy() for field in first]
    driven(world, 0.0, 1.0, 5)
    np.testing.assert_array_equal(first, kept)


def test_a_straight_drive_goes_forward_at_the_commanded_speed(world):
    start = start_poses()
    states = driven(world, 0.0, 1.0, 30)
    way = np.stack([states.x, states.y], axis=-1) - start[:, :2]
    heading = np.stack([np.cos(start[:, 2]), np.sin(start[:, 2])], axis=-1)
    forward = np.sum(way * heading, axis=-1)
    sideways = heading[:, 0] * way[:, 1] - heading[:, 1] * way[:, 0]
    assert np.all((forward > 1.0) & (forward < 30 * DT))  # less than 2 m: it starts from rest
    assert np.abs(sideways).max() < 0.05
    np.testing.assert_allclose(states.speed, 1.0, atol=0.1)


@pytest.mark.parametrize("side", [1.0, -1.0], ids=["left", "right"])
def test_positive_steering_turns_left(world, side):
    start = start_poses()
    states = driven(world, side * 0.4, 1.0, 20)
    assert np.all(side * wrap_angle(states.yaw - start[:, 2]) > 0.3)
    assert np.all(side * states.yaw_rate > 0.3)
    assert np.all(side * states.steering_angle > 0.1)
    way = np.stack([states.x, states.y], axis=-1) - start[:, :2]
    assert np.all(side * (np.cos(start[:, 2]) * way[:, 1] - np.sin(start[:, 2]) * way[:, 0]) > 0.05)


def test_every_car_has_its_own_command(world):
    start = start_poses()
    for _ in range(20):
        states = world.step(np.array([[0.4, 1.0], [0.0, 0.0], [-0.4, 1.0]]))
    turned = wrap_angle(states.yaw - start[:, 2])
    assert turned[0] > 0.3
    assert turned[2] < -0.3
    assert_at(states, [1], start[[1]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_commands_that_are_not_finite_are_refused(world, bad, column):
    before = driven(world, 0.1, 1.0, 3)
    commands = np.zeros((N, 2))
    commands[1, column] = bad
    with pytest.raises(ValueError, match="finite"):
        world.step(commands)
    np.testing.assert_array_equal(world.states, before)


@pytest.mark.parametrize("shape", [(N, 3), (N - 1, 2), (N + 1, 2), (2,), (0, 2)])
def test_commands_of_another_shape_are_refused(world, shape):
    with pytest.raises(ValueError, match="shape"):
        world.step(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_poses_that_are_not_finite_are_refused(world, bad):
    poses = start_poses()
    poses[2, 1] = bad
    with pytest.raises(ValueError, match="finite"):
        world.reset(EVERY, poses)
    assert_at(world.states, EVERY, start_poses())


def test_frames_are_those_of_all_cars_or_of_some(world):
    frames, colour = world.frames(), world.frames_rgb()
    assert frames.shape == (N, 120, 160)
    assert colour.shape == (N, 120, 160, 3)
    assert frames.dtype == colour.dtype == np.uint8
    some = np.array([2, 0])
    np.testing.assert_array_equal(world.frames(some), frames[some])
    np.testing.assert_array_equal(world.frames_rgb(some), colour[some])
    assert world.frames(some[:0]).shape == (0, 120, 160)
    assert np.abs(grey(colour).astype(int) - frames).mean() < 2.0


def test_frames_show_the_place_of_each_car(world):
    before = world.frames()
    assert before.std() > 20.0  # something is seen
    world.reset(np.array([1]), TRACK.pose(np.array([0.5 * TRACK.length]), 0.3) + [0, 0, 0.5])
    after = world.frames()
    change = np.abs(before.astype(float) - after).mean(axis=(1, 2))
    assert change[1] > 5.0
    assert change[[0, 2]].max() < 1.0


def test_the_road_ahead_is_seen_upright_and_not_mirrored(world):
    world.reset(EVERY, np.array([TRACK.pose(0.5, lateral) for lateral in (0.3, 0.0, -0.3)]))
    frames = world.frames().astype(float)
    left_half, right_half = (
        frames[:, 60:, :80].mean(axis=(1, 2)),
        frames[:, 60:, 80:].mean(axis=(1, 2)),
    )
    assert left_half[0] > right_half[0] + 10.0  # near the left edge: the bright line is left
    assert left_half[2] < right_half[2] - 10.0


def test_the_same_commands_give_the_same_drive_and_pictures(world):
    commands = np.random.default_rng(0).uniform([-0.5, 0.5], [0.5, 2.0], (25, N, 2))
    drives = []
    for _ in range(2):
        world.reset(EVERY, start_poses())
        for command in commands:
            states = world.step(command)
        drives.append((np.stack(states), world.frames().astype(float)))
    (states, frames), (states_again, frames_again) = drives
    np.testing.assert_allclose(states_again, states, atol=1e-3)
    assert np.abs(frames_again - frames).mean() < 0.5


def test_embedded_worlds_repeat_exactly_and_ignore_how_many_cars_there_are():
    """What only a world without other processes can promise."""
    commands = np.random.default_rng(0).uniform([-0.5, 0.5], [0.5, 2.0], (25, N, 2))
    many, again, alone = (EmbeddedWorld(TRACK, n) for n in (N, N, 1))
    for command in commands:
        many.step(command)
        again.step(command)
        alone.step(command[:1])
    np.testing.assert_array_equal(many.states, again.states)
    np.testing.assert_array_equal(many.frames(), again.frames())
    np.testing.assert_array_equal(np.array(many.states)[:, :1], alone.states)
    np.testing.assert_array_equal(many.frames()[:1], alone.frames())


def test_an_embedded_world_begins_on_the_start_line():
    world = EmbeddedWorld(TRACK, 2)
    assert_at(world.states, np.arange(2), np.tile(TRACK.pose(0.0), (2, 1)))
