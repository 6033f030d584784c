"""One car against the clock: laps, events, standing still without commands."""

import math

import numpy as np
import pytest

from deepracer_sim.car import DT
from deepracer_sim.race import PATIENCE, Race
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

STEPS = round(PATIENCE / DT)  # that a command holds
LAP = 2 * math.pi  # m, and s at 1 m/s, of the round track


@pytest.fixture
def make_race(round_track):
    """A function that makes a race on the round track, and its world."""
    world = EmbeddedWorld(load_track(round_track))
    return lambda **options: (Race(world, **options), world)


def steer(world, side):
    """The steering angle that keeps a car on the track, in direction `side`."""
    x, y, yaw = (float(value[0]) for value in world.states[:3])
    y -= 1.0  # the track begins at the origin and turns left
    along = math.atan2(y, x) + side * math.pi / 2
    off = side * (math.hypot(x, y) - 1.0)
    return math.remainder(along - yaw, 2 * math.pi) + 1.5 * off + side * 0.16


def drive(race, world, until, *, speed=1.0, side=1, limit=400):
    """Drive round until a moment is as wanted; return the moments."""
    moments = []
    while not moments or not until(moments[-1]):
        assert len(moments) < limit
        race.command(steer(world, side), speed)
        moments.append(race.advance())
    return moments


def wait(race, steps):
    return [race.advance() for _ in range(steps)]


@pytest.mark.parametrize("clockwise", [False, True])
def test_a_lap_is_timed_from_the_first_command(make_race, clockwise):
    race, world = make_race(clockwise=clockwise)
    before = wait(race, 50)
    assert all(moment[1:] == (0.0, None, None) for moment in before)
    side = -1 if clockwise else 1
    moments = drive(race, world, lambda moment: moment.event, side=side)
    assert [moment.event for moment in moments[-2:]] == [None, "lap"]
    assert moments[-1].lap_time == pytest.approx(len(moments) * DT)
    assert [moment.lap_time for moment in moments[:-1]] == [None] * (len(moments) - 1)
    progress = [moment.progress_pct for moment in moments]
    assert (np.diff(progress[STEPS:]) > 0).all()
    assert progress[-1] == 100.0


def test_the_next_lap_begins_without_a_stop(make_race):
    race, world = make_race()
    drive(race, world, lambda moment: moment.lap_time)
    second = drive(race, world, lambda moment: moment.lap_time)
    assert second[0].states.speed[0] > 0.9
    assert second[0].progress_pct < 3.0
    assert second[-1].lap_time == pytest.approx(len(second) * DT)
    assert second[-1].lap_time == pytest.approx(LAP, rel=0.05)


def test_without_commands_the_car_stops_and_goes_on_with_the_next(make_race):
    race, world = make_race()
    drive(race, world, lambda moment: moment.states.speed[0] > 0.9)
    speeds = [float(moment.states.speed[0]) for moment in wait(race, 30)]
    assert speeds[STEPS - 2] > 0.9  # the last command holds for PATIENCE, counted from its own step
    assert (np.diff(speeds[STEPS:15]) < 0).all()
    assert speeds[-1] == pytest.approx(0.0, abs=1e-3)
    race.command(0.0, 1.0)
    assert wait(race, STEPS)[-1].states.speed[0] > 0.1


def test_standing_still_is_told_once(make_race):
    race, world = make_race()
    drive(race, world, lambda moment: moment.states.speed[0] > 0.5)
    told = [moment.event for moment in wait(race, 100)]
    assert [event for event in told if event] == ["immobilized"]
    race.command(0.0, 1.0)
    told = [moment.event for moment in wait(race, 100)]
    assert [event for event in told if event] == ["immobilized"]  # again, after a drive


def drive_straight(race, steps):
    """Drive straight on, off the round track; return the moments."""
    moments = []
    for _ in range(steps):
        race.command(0.0, 2.0)
        moments.append(race.advance())
    return moments


def test_off_the_track_the_car_is_put_back_and_the_lap_goes_on(make_race):
    race, world = make_race()
    moments = drive_straight(race, 100)
    events = [moment.event for moment in moments]
    assert events.count("off_track") > 1
    assert set(events) == {None, "off_track"}
    after = moments[events.index("off_track")]
    assert after.states.speed[0] == 0.0
    assert abs(math.hypot(after.states.x[0], after.states.y[0] - 1.0) - 1.0) < 0.4
    assert after.progress_pct > 5.0
    drive(race, world, lambda moment: moment.lap_time)


def test_a_car_that_is_not_put_back_is_told_once(make_race):
    race, _ = make_race(put_back=False)
    moments = drive_straight(race, 60)
    assert [moment.event for moment in moments if moment.event] == ["off_track"]
    assert moments[-1].states.x[0] > 3.0


def test_driving_the_wrong_way_is_told(make_race):
    race, _ = make_race(put_back=False)
    events = []
    for _ in range(40):
        race.command(0.0, -0.2)
        events.append(race.advance().event)
    assert "reversed" in events


def test_a_reset_begins_anew_at_the_line(make_race):
    race, world = make_race()
    start = [value.copy() for value in world.states]
    drive(race, world, lambda moment: moment.progress_pct > 30)
    race.reset()
    for value, before in zip(world.states, start, strict=True):
        np.testing.assert_array_equal(value, before)
    assert all(moment[1:] == (0.0, None, None) for moment in wait(race, 30))
    moments = drive(race, world, lambda moment: moment.lap_time)
    assert moments[-1].lap_time == pytest.approx(len(moments) * DT)


def test_an_event_is_told_again_after_a_reset(make_race):
    race, _ = make_race(put_back=False)
    for _ in range(2):
        moments = drive_straight(race, 60)
        assert [moment.event for moment in moments if moment.event] == ["off_track"]
        race.reset()


def test_huge_commands_are_those_of_the_car_s_limits(make_race):
    race, world = make_race()
    race.command(-3e38, 3e38)
    wait(race, 2 * STEPS)
    assert np.isfinite(world.states).all()
    assert 0.0 < world.states.speed[0] <= world.car.max_speed
