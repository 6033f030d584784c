"""The car against closed forms, and its configuration against bad files."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.car import (
    DT,
    GRAVITY,
    KICK_CHANGE,
    MAX_DELAY,
    SUBSTEPS,
    CarParameters,
    Cars,
    CarStates,
    load_car,
)
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

CAR = load_car()
PROFILES = ("aws_sim", "deepracer")
SHIPPED = share_directory() / "config" / "car.yaml"


def car(**values: Any) -> CarParameters:
    return dataclasses.replace(CAR, **values)


def drive(cars: Cars, steering: float, speed: float, steps: int) -> list[CarStates]:
    commands = np.tile([steering, speed], (len(cars.state.x), 1))
    return [cars.step(commands) for _ in range(steps)]


def at_speed(parameters: CarParameters, speed: float, n: int = 1) -> Cars:
    """Cars that have settled at a speed, straight ahead."""
    cars = Cars(parameters, n)
    drive(cars, 0.0, speed, 150)
    return cars


def rear_velocity(states: CarStates) -> np.ndarray:
    """(2, n) m/s in the world; the rear axle moves along the car's x axis only."""
    return states.speed * np.array([np.cos(states.yaw), np.sin(states.yaw)])


# Steering


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("commanded_deg", [-30, -10, 5, 30])
def test_circle_radius_is_wheelbase_over_tangent_of_the_wheel_angle(profile, commanded_deg):
    parameters = load_car(profile)
    cars = Cars(parameters, 1)
    drive(cars, math.radians(commanded_deg), 0.1, 200)
    track = drive(cars, math.radians(commanded_deg), 0.1, 400)
    rear = np.array(
        [
            [s.x[0] - 0.5 * CAR.wheelbase * np.cos(s.yaw[0]) for s in track],
            [s.y[0] - 0.5 * CAR.wheelbase * np.sin(s.yaw[0]) for s in track],
        ]
    )
    yaw = np.array([s.yaw[0] for s in track])
    angle = parameters.steering_gain * math.radians(commanded_deg)
    radius = parameters.wheelbase / math.tan(angle)  # left positive
    center = rear + radius * np.array([-np.sin(yaw), np.cos(yaw)])
    assert track[-1].steering_angle[0] == pytest.approx(angle, abs=1e-9)
    assert np.ptp(center, axis=1) == pytest.approx([0, 0], abs=2e-4 * abs(radius))


def test_full_lock_of_the_default_car_turns_in_less_than_a_hairpin():
    angle = CAR.steering_gain * CAR.max_steering_angle
    assert 0.3 < CAR.wheelbase / math.tan(angle) < 0.5


def test_steering_left_turns_left():
    states = drive(at_speed(CAR, 1.0), 0.3, 1.0, 5)[-1]
    assert states.steering_angle[0] > 0
    assert states.yaw_rate[0] > 0
    assert states.yaw[0] > 0
    assert states.y[0] > 0
    assert states.lateral_speed[0] == pytest.approx(0.5 * CAR.wheelbase * states.yaw_rate[0])


def test_left_and_right_mirror_each_other():
    left, right = (drive(at_speed(CAR, 2.0), side * 0.4, 3.0, 30)[-1] for side in (1, -1))
    for name, mirrored in (("x", 1), ("y", -1), ("yaw", -1), ("speed", 1), ("steering_angle", -1)):
        assert getattr(left, name) == pytest.approx(mirrored * getattr(right, name))


def test_the_wheel_covers_63_percent_in_one_steering_lag():
    parameters = car(steering_lag=3 * DT, steering_kick=0.0, delay=0.0)
    states = drive(Cars(parameters, 1), 0.3, 0.0, 3)[-1]
    assert states.steering_angle[0] == pytest.approx(0.3 * CAR.steering_gain * (1 - math.exp(-1)))


@pytest.mark.parametrize(
    ("change", "kicks"), [(KICK_CHANGE, 1), (3 * KICK_CHANGE, 1), (-KICK_CHANGE / 2, -0.5)]
)
def test_a_changed_command_kicks_the_wheel_once(change, kicks):
    slow = car(steering_lag=1e9, steering_kick=0.02)
    first, *_, last = drive(Cars(slow, 1), change, 0.0, 10)
    assert first.steering_angle[0] == pytest.approx(kicks * 0.02)
    assert last.steering_angle[0] == pytest.approx(kicks * 0.02)


def test_the_wheel_stops_at_full_lock():
    eager = car(steering_lag=1e9, steering_kick=0.1)
    cars = Cars(eager, 1)
    for degrees in (10, 20, 30, 20, 30) * 5:
        states = cars.step(np.radians([[degrees, 0.0]]))
        assert abs(states.steering_angle[0]) <= CAR.max_steering_angle


# Speed


@pytest.mark.parametrize("substeps", [0, 1, 3, 6, 12])
def test_speed_covers_63_percent_in_one_lag_after_the_delay(substeps):
    h = DT / SUBSTEPS
    parameters = car(speed_lag=5 * DT, delay=substeps * h)
    for k, states in enumerate(drive(Cars(parameters, 1), 0.0, 0.5, 20), 1):
        since = max(0.0, k * DT - substeps * h)
        assert states.speed[0] == pytest.approx(0.5 * (1 - math.exp(-since / (5 * DT))), abs=1e-12)


@settings(deadline=None)  # the first example compiles
@given(st.floats(0, MAX_DELAY))
def test_a_delay_between_two_substeps_shifts_the_response(delay):
    late = drive(Cars(car(speed_lag=0.3, delay=delay), 1), 0.0, 0.5, 12)[-1]
    assert late.speed[0] == pytest.approx(0.5 * (1 - math.exp(-(12 * DT - delay) / 0.3)), abs=1e-4)


def test_position_is_the_integral_of_speed():
    parameters = car(speed_lag=0.2, delay=0.0)
    states = drive(Cars(parameters, 1), 0.0, 0.5, 15)[-1]
    travelled = 0.5 * (1.0 - 0.2 * (1 - math.exp(-1.0 / 0.2)))
    assert states.x[0] == pytest.approx(travelled, rel=1e-3)
    assert states.y[0] == states.yaw[0] == 0


@pytest.mark.parametrize(("command", "reached"), [(9.0, 4.0), (-9.0, -4.0), (2.0, 2.0)])
def test_speed_is_reached_and_limited(command, reached):
    assert at_speed(CAR, command).state.speed[0] == pytest.approx(reached)


def test_the_motor_is_limited():
    speeds = [s.speed[0] for s in drive(Cars(car(delay=0.0), 1), 0.0, 4.0, 5)]
    assert np.diff(speeds) == pytest.approx(CAR.max_acceleration * DT)


def test_a_car_at_rest_stays_where_it_is():
    cars = Cars(CAR, 1)
    cars.reset(np.array([0]), np.array([[1.0, -2.0, 3.0]]))
    for steering in (0.5, -0.5, 0.1):
        states = drive(cars, steering, 0.0, 20)[-1]
    assert (states.x[0], states.y[0], states.yaw[0]) == (1.0, -2.0, 3.0)
    assert states.steering_angle[0] > 0


# Grip

COMMANDS = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(-6, 6)).map(list), min_size=1, max_size=40
)


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=50, deadline=None)  # the first example compiles
@given(commands=COMMANDS, friction=st.floats(0.1, 1.5))
def test_acceleration_never_exceeds_grip(profile, commands, friction):
    grip = friction * GRAVITY
    cars = Cars(dataclasses.replace(load_car(profile), friction=friction), 1)
    before = cars.state
    for command in commands:
        for _ in range(3):
            states = cars.step(np.array([command]))
            # The speed is one substep younger than the yaw rate.
            assert abs(states.speed * states.yaw_rate)[0] <= grip * (1 + grip * DT / SUBSTEPS)
            change = rear_velocity(states) - rear_velocity(before)
            assert np.hypot(*change)[0] <= grip * DT * (1 + 1e-9)
            assert np.isfinite(states).all()
            before = states


def test_a_fast_car_understeers_at_the_limit():
    states = drive(at_speed(CAR, 4.0), 0.5, 4.0, 60)[-1]
    lateral = states.speed[0] * states.yaw_rate[0]
    assert 0.95 * CAR.friction * GRAVITY < lateral <= CAR.friction * GRAVITY


def test_less_friction_turns_wider():
    cars = at_speed(car(friction=np.array([0.2, 0.5, 1.0])), 3.0, n=3)
    rates = drive(cars, 0.3, 3.0, 30)[-1].yaw_rate
    assert (np.diff(rates) > 0).all()


# Many cars


def some_commands(n: int, steps: int) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.uniform([-0.5, 0.0], [0.5, 4.0], (steps, n, 2))


def test_the_same_commands_give_the_same_states():
    first, second = Cars(CAR, 4), Cars(CAR, 4)
    for commands in some_commands(4, 30):
        assert np.array_equal(first.step(commands), second.step(commands))


def test_a_batch_equals_cars_driven_alone():
    lags = np.array([0.1, 0.3, 0.6])
    batch = Cars(car(steering_lag=lags), 3)
    alone = [Cars(car(steering_lag=lag), 1) for lag in lags]
    for commands in some_commands(3, 30):
        together = np.array(batch.step(commands))
        for i, one in enumerate(alone):
            assert np.array_equal(together[:, [i]], one.step(commands[[i]]))
    assert len(set(together[-1])) == 3


def test_every_parameter_of_the_motion_may_differ_between_cars():
    base = dataclasses.asdict(CAR)
    for name in ("wheelbase", "friction", "max_speed", "max_steering_angle", "delay", "speed_lag"):
        cars = Cars(car(**{name: base[name] * np.array([1.0, 0.5])}), 2)
        states = drive(cars, 0.5, 4.0, 20)[-1]
        assert states.x[0] != states.x[1], name


def test_parameters_for_another_number_of_cars_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        Cars(car(friction=np.array([0.4, 0.5, 0.6])), 2)


def test_reset_leaves_the_other_cars_alone():
    cars, untouched = Cars(CAR, 4), Cars(CAR, 4)
    for commands in some_commands(4, 20):
        cars.step(commands)
        untouched.step(commands)
    cars.reset(np.array([1, 3]), np.array([[1.0, 2.0, 0.5], [3.0, 4.0, -0.5]]))
    assert np.array_equal(np.array(cars.state)[:, [1, 3]].T[:, :3], [[1, 2, 0.5], [3, 4, -0.5]])
    assert not np.array(cars.state)[3:, [1, 3]].any()
    for commands in some_commands(4, 20):
        after, other = np.array(cars.step(commands)), np.array(untouched.step(commands))
        assert np.array_equal(after[:, [0, 2]], other[:, [0, 2]])
        assert not np.array_equal(after[:, [1, 3]], other[:, [1, 3]])


def test_a_reset_car_forgets_its_commands():
    old, new = Cars(car(delay=MAX_DELAY), 1), Cars(car(delay=MAX_DELAY), 1)
    drive(old, 0.4, 2.0, 10)
    for cars in (old, new):
        cars.reset(np.array([0]), np.zeros((1, 3)))
    assert np.array_equal(drive(old, 0.0, 1.0, 6), drive(new, 0.0, 1.0, 6))


def test_states_are_copies():
    cars = Cars(CAR, 2)
    states = drive(cars, 0.1, 1.0, 3)[-1]
    kept = np.array(states)
    states.x[:] = 99.0
    drive(cars, 0.1, 1.0, 3)
    assert np.array_equal(np.array(states)[1:], kept[1:])
    assert cars.state.x[0] < 1


# Refused


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_commands_that_are_not_finite_are_refused_and_change_nothing(bad, column):
    cars = at_speed(CAR, 1.0, n=2)
    before = cars.state
    commands = np.zeros((2, 2))
    commands[1, column] = bad
    with pytest.raises(ValueError, match="finite"):
        cars.step(commands)
    assert np.array_equal(cars.state, before)


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 3), (1, 2)])
def test_commands_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        Cars(CAR, 2).step(np.zeros(shape))


def test_poses_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        Cars(CAR, 1).reset(np.array([0]), np.array([[0.0, math.nan, 0.0]]))


# The configuration


@pytest.mark.parametrize("profile", PROFILES)
def test_shipped_profiles(profile):
    parameters = load_car(profile)
    assert parameters.wheelbase == 0.164
    assert parameters.max_steering_angle == pytest.approx(math.radians(30))
    assert parameters.max_speed == 4.0


def test_the_default_is_the_simulator_and_the_physical_car_is_quicker():
    assert dataclasses.asdict(load_car()) == dataclasses.asdict(load_car("aws_sim"))
    assert load_car("deepracer").steering_lag < load_car().steering_lag


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(UserError, match="'racer'.*aws_sim, deepracer"):
        load_car("racer")


def edited(folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    data = yaml.safe_load(SHIPPED.read_text())
    edit(data)
    path = folder / "car.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_profile_wins_over_common(tmp_path):
    path = edited(tmp_path, lambda d: d["profiles"]["aws_sim"].update(wheelbase=0.2))
    assert load_car(path=path).wheelbase == 0.2
    assert load_car("deepracer", path).wheelbase == 0.164


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("fast", "max_speed: expected a number, found 'fast'"),
        (True, "max_speed: expected a number, found True"),
        (None, "max_speed: expected a number, found None"),
        ([4.0], r"max_speed: expected a number, found \[4.0\]"),
        (math.nan, "max_speed: must be from 0.1 to 20, found nan"),
        (math.inf, "max_speed: must be from 0.1 to 20, found inf"),
        (0, "max_speed: must be from 0.1 to 20, found 0"),
        (10**400, "max_speed: must be from 0.1 to 20"),
    ],
)
def test_bad_values_are_refused_by_name(tmp_path, value, message):
    path = edited(tmp_path, lambda d: d["common"].update(max_speed=value))
    with pytest.raises(UserError, match=message) as caught:
        load_car(path=path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d["common"].update(wings=2), "unknown key 'wings'"),
        (lambda d: d["common"].pop("wheelbase"), "wheelbase: is missing"),
        (lambda d: d["profiles"]["aws_sim"].pop("delay"), "delay: is missing"),
        (lambda d: d["profiles"].update(aws_sim=3), "car profile aws_sim: expected keys"),
        (lambda d: d.pop("profiles"), "profiles: expected keys"),
        (lambda d: d.pop("common"), "common: expected keys"),
    ],
)
def test_bad_structure_is_refused(tmp_path, edit, message):
    with pytest.raises(UserError, match=message):
        load_car(path=edited(tmp_path, edit))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected keys"),
        (b"- 1\n", "expected keys"),
        (b"common: {wheelbase: 0.164\n", "not a YAML file.*line"),
        (b"\xff\xfe\x00", "not a YAML file"),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, content, message):
    path = tmp_path / "car.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"(?s)" + message):
        load_car(path=path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="Cannot read .*nowhere.yaml"):
        load_car(path=tmp_path / "nowhere.yaml")
