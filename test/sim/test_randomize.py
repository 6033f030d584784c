"""Domain randomisation: what is drawn, and what a world makes of it."""

import math

import numpy as np
import pytest

from deepracer_sim import randomize
from deepracer_sim.camera import MOST_PIXELS, Camera, load_camera
from deepracer_sim.car import MAX_DELAY, load_car
from deepracer_sim.errors import UserError
from deepracer_sim.fleet import Fleet
from deepracer_sim.grey import grey
from deepracer_sim.randomize import CAMERAS, OFF, PRESETS, QUANTITIES, U, draw, draw_cameras
from deepracer_sim.randomized_world import RandomizedWorld, embedded_world
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

TRACK = load_track("oval")
N = 6
EVERY = np.arange(N)
ON = [preset for preset in PRESETS if preset != OFF]
COMMANDS = np.random.default_rng(0).uniform([-0.5, 0.5], [0.5, 2.0], (20, N, 2))
STARTS = TRACK.pose(0.4 * EVERY, 0.0)


@pytest.fixture(params=ON)
def preset(request):
    return request.param


@pytest.fixture(scope="module")
def plain():
    return EmbeddedWorld(TRACK, N)


@pytest.fixture
def only(monkeypatch):
    """A function that makes a world in which the given quantities have other values."""

    def world(**values):
        for name, value in values.items():
            row = QUANTITIES[name]._replace(mild=U(value, value))
            monkeypatch.setitem(QUANTITIES, name, row)
        for name in QUANTITIES.keys() - values.keys():
            row = QUANTITIES[name]
            monkeypatch.setitem(QUANTITIES, name, row._replace(mild=U(row.off, row.off)))
        monkeypatch.setattr(
            "deepracer_sim.randomized_world.draw_cameras", lambda camera, *_: [camera] * CAMERAS
        )
        world = embedded_world(TRACK, N, randomize="mild")
        world.reset(EVERY, STARTS)
        return world

    return world


def drive(world, nominal=False):
    """The states and frames of a short drive."""
    world.reset(EVERY, STARTS, nominal)
    seen = [world.frames()]
    states = []
    for command in COMMANDS:
        states.append(np.stack(world.step(command)))
        seen.append(world.frames())
    return np.array(states), np.array(seen)


# What is drawn


@pytest.mark.parametrize("row", [*QUANTITIES.values(), *randomize._CAMERA.values()])
def test_strong_goes_further_than_mild_and_both_hold_what_is_nominal(row):
    assert row.strong.low <= row.mild.low <= row.off <= row.mild.high <= row.strong.high
    assert row.strong.low < row.mild.low or row.mild.high < row.strong.high


def test_draws_fill_their_bounds_and_stay_within(preset):
    drawn = draw(preset, 4000, np.random.default_rng(1))
    for name, row in QUANTITIES.items():
        low, high = getattr(row, preset)
        assert (drawn[name] >= low).all()
        assert (drawn[name] <= high).all()
        np.testing.assert_allclose(drawn[name].mean(), (low + high) / 2, atol=0.05 * (high - low))
        np.testing.assert_allclose(np.ptp(drawn[name]), high - low, rtol=0.05)
    assert set(drawn["camera"]) == set(range(1, CAMERAS + 1))


def test_cameras_stay_within_their_bounds(preset):
    nominal = load_camera()
    bounds = {name: getattr(row, preset) for name, row in randomize._CAMERA.items()}
    for camera in draw_cameras(nominal, preset, np.random.default_rng(1)):
        assert bounds["x"].low <= camera.x - nominal.x <= bounds["x"].high
        assert bounds["z"].low <= camera.z / nominal.z <= bounds["z"].high
        assert bounds["pitch"].low <= camera.pitch - nominal.pitch <= bounds["pitch"].high
        ratio = camera.horizontal_fov / nominal.horizontal_fov
        assert bounds["horizontal_fov"].low <= ratio <= bounds["horizontal_fov"].high
        assert (camera.width, camera.height) == (nominal.width, nominal.height)


@pytest.mark.parametrize("pitch", [-90.0, 0.0, 90.0])
def test_no_camera_that_can_be_configured_is_drawn_out_of_sense(pitch):
    extreme = Camera(1.0, 0.9, math.radians(pitch), math.radians(170.0), 16, 12)
    world = RandomizedWorld(TRACK, N, None, extreme, "strong", 0)
    world.reset(EVERY, STARTS)
    assert world.frames().shape == (N, 12, 16)
    assert max(world.frames().shape) < MOST_PIXELS


def test_off_is_what_is_nominal():
    drawn = draw(OFF, 3, np.random.default_rng(0))
    car = load_car()
    for name, value in vars(randomize.car_drawn(car, drawn)).items():
        np.testing.assert_array_equal(value, getattr(car, name), err_msg=name)
    np.testing.assert_array_equal(randomize.commands_drawn(COMMANDS[0][:3], drawn), COMMANDS[0][:3])


def test_no_car_is_slower_to_hear_than_the_model_can(preset):
    drawn = draw(preset, 100, np.random.default_rng(0))
    for profile in ("aws_sim", "deepracer"):
        car = randomize.car_drawn(load_car(profile), drawn)
        assert (car.delay <= MAX_DELAY).all()
        assert np.ptp(car.friction) > 0.0
        assert car.wheelbase == load_car(profile).wheelbase  # what the referee judges by


def test_an_unknown_preset_is_told():
    with pytest.raises(UserError, match="one of off, mild, strong, found 'wild'"):
        embedded_world(TRACK, 1, randomize="wild")


# The world


def test_off_is_the_embedded_world_itself():
    assert type(embedded_world(TRACK, 1, randomize=OFF)) is EmbeddedWorld


def test_nominal_episodes_are_those_of_the_embedded_world_bit_by_bit(preset, plain):
    world = embedded_world(TRACK, N, randomize=preset)
    for mine, other in zip(drive(world, nominal=True), drive(plain), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(world.frames_rgb(), plain.frames_rgb())


def test_one_seed_makes_one_world(preset):
    one, same, other = (embedded_world(TRACK, N, randomize=preset, seed=(0, k)) for k in (3, 3, 4))
    states, frames = drive(one)
    np.testing.assert_array_equal(states, drive(same)[0])
    np.testing.assert_array_equal(one.frames(), same.frames())
    assert np.abs(states - drive(other)[0]).max() > 0.0
    assert np.abs(frames[0].astype(int) - other.frames()).max() > 0


def test_each_car_is_another_and_so_is_each_episode(preset):
    world = embedded_world(TRACK, N, randomize=preset)
    together = np.tile(TRACK.pose(0.5), (N, 1))
    ends = []
    for _ in range(2):
        world.reset(EVERY, together)
        first = world.frames()
        for _ in range(15):
            states = world.step(np.tile([0.2, 1.5], (N, 1)))
        ends.extend(zip(states.x, states.y, strict=True))
        assert len({frame.tobytes() for frame in first}) == N
    assert len(set(ends)) == 2 * N


def test_a_reset_leaves_the_others_as_they_are(preset):
    worlds = [embedded_world(TRACK, N, randomize=preset) for _ in range(2)]
    for world in worlds:
        world.reset(EVERY, STARTS)
    rest = EVERY[1:]
    worlds[0].reset(np.array([0]), STARTS[:1])
    np.testing.assert_array_equal(worlds[0].frames(rest), worlds[1].frames(rest))
    states = [np.stack(world.step(COMMANDS[0]))[:, rest] for world in worlds]
    np.testing.assert_array_equal(*states)


def test_to_look_changes_nothing(preset):
    often, once = (embedded_world(TRACK, N, randomize=preset) for _ in range(2))
    for world in (often, once):
        world.reset(EVERY, STARTS)
    for command in COMMANDS:
        often.step(command)
        once.step(command)
        some = often.frames(EVERY[::2])
        often.frames_rgb()
        np.testing.assert_array_equal(often.frames()[::2], some)
    np.testing.assert_array_equal(often.frames(), once.frames())


def test_colour_and_grey_agree(preset):
    world = embedded_world(TRACK, N, randomize=preset)
    world.reset(EVERY, STARTS)
    apart = np.abs(grey(world.frames_rgb()).astype(int) - world.frames())
    assert apart.mean() < 4.0  # not equal: each is limited to 0..255 on its own


def test_commands_are_checked(preset):
    world = embedded_world(TRACK, N, randomize=preset)
    for wrong in (np.zeros((1, 2)), np.zeros((N, 3)), np.full((N, 2), np.nan)):
        with pytest.raises(ValueError, match="commands must"):
            world.step(wrong)


# One quantity at a time


def test_a_trimmed_car_steers_where_none_is_asked_for(only):
    left = only(steering_trim=math.radians(2.0))
    for _ in range(30):
        states = left.step(np.tile([0.0, 1.0], (N, 1)))
    assert (states.yaw_rate > 0.05).all()


def test_a_car_with_a_gain_drives_faster(only):
    world = only(speed_gain=1.1)
    for _ in range(60):
        states = world.step(np.tile([0.0, 1.0], (N, 1)))
    np.testing.assert_allclose(states.speed, 1.1, rtol=1e-3)


def test_a_delayed_car_starts_later(only, plain):
    world = only(delay=0.1)
    plain.reset(EVERY, STARTS)
    for _ in range(3):
        late = world.step(np.tile([0.0, 1.0], (N, 1))).speed
        there = plain.step(np.tile([0.0, 1.0], (N, 1))).speed
    assert (late < 0.8 * there).all()


def test_a_dropped_frame_is_the_one_before(only):
    world = only(dropped=1.0, noise=5.0)
    before, colour = world.frames(), world.frames_rgb()
    for command in COMMANDS[:3]:
        world.step(command)
        np.testing.assert_array_equal(world.frames(), before)
        np.testing.assert_array_equal(world.frames_rgb(), colour)
    world.reset(EVERY, STARTS[::-1].copy())
    assert not np.array_equal(world.frames(), before)


def test_some_frames_are_dropped(only):
    world = only(dropped=0.3)
    dropped = 0
    for _ in range(100):
        before = world.frames()
        world.step(np.tile([0.1, 1.0], (N, 1)))
        dropped += sum((frame == old).all() for frame, old in zip(world.frames(), before))  # noqa: B905
    assert 0.2 < dropped / (100 * N) < 0.4


def test_a_camera_turned_left_sees_everything_further_right(only, plain):
    turned = math.radians(2.0)
    frames = only(yaw=turned).frames()
    plain.reset(EVERY, STARTS + [0.0, 0.0, turned])
    assert np.abs(frames.astype(int) - plain.frames()).mean() < 2.0  # but for its 14.5 cm


def test_noise_is_as_strong_as_said_and_new_in_each_frame(only, plain):
    world = only(noise=5.0)
    plain.reset(EVERY, STARTS)
    floor = slice(60, 120)
    first = (world.frames().astype(float) - plain.frames())[:, floor]
    assert abs(first.mean()) < 0.1
    assert first.std() == pytest.approx(5.0, rel=0.05)
    world.step(np.zeros((N, 2)))
    plain.step(np.zeros((N, 2)))
    second = (world.frames().astype(float) - plain.frames())[:, floor]
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


# Judging


def test_a_fleet_can_begin_nominal_episodes(preset, plain):
    world = embedded_world(TRACK, N, randomize=preset)
    fleet, twin = Fleet([world]), Fleet([plain])
    fleet.restart_all()
    twin.restart_all()
    assert not np.array_equal(fleet.frames(), twin.frames())
    fleet.restart_all(nominal=True)
    for command in COMMANDS:
        fleet.step(command)
        twin.step(command)
        np.testing.assert_array_equal(fleet.frames(), twin.frames())
