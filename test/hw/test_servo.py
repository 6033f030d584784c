"""Commands in, pulses of a fake car out; the guards are real processes."""

import math
import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_hw.calibration import STOCK
from deepracer_hw.servo import PATIENCE, TICK, Servo
from deepracer_hw.throttle import Limits, stock_throttle
from deepracer_sim.errors import UserError

LIMITS = Limits(math.radians(30), 4.0)
FULL_LEFT, FULL_AHEAD = STOCK.servo.max, STOCK.motor.min


@pytest.fixture
def car(fake_car, tmp_path):
    fake_car.make(tmp_path)
    return tmp_path


@pytest.fixture
def servo(car):
    """A servo on the fake car, connected at 0 s."""
    servo = Servo(car, STOCK, LIMITS, stock_throttle(LIMITS.speed))
    servo.tick(0.0)
    yield servo
    servo.close()


@pytest.fixture
def driving(servo):
    """The same, on its way at 0 s: full left, full ahead."""
    servo.enable(0.0)
    servo.obey(math.radians(30), 4.0, 0.0, 0.0)
    return servo


def test_it_begins_off(servo, car, fake_car):
    servo.obey(0.1, 1.0, 0.0, 0.0)
    assert servo.is_there
    assert not servo.enabled
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)


def test_an_enabled_car_obeys(driving, car, fake_car):
    assert fake_car.is_powered(car)
    assert fake_car.pulses(car) == (FULL_AHEAD, FULL_LEFT)
    driving.obey(math.radians(-15), -2.0, 0.0, 0.1)
    assert fake_car.pulses(car) == (STOCK.motor.pulse(-0.8), STOCK.servo.pulse(-0.5))
    assert driving.pulses == fake_car.pulses(car)


def test_no_command_of_before_is_obeyed_when_it_is_enabled(servo, car, fake_car):
    servo.obey(0.1, 1.0, 0.0, 0.0)
    servo.enable(0.01)
    servo.tick(0.02)
    assert fake_car.pulses(car) == fake_car.neutral()


@pytest.mark.parametrize("age", [0.0, 0.1])
def test_a_command_is_good_until_it_is_too_old(driving, car, fake_car, age):
    driving.obey(0.1, 1.0, age, 1.0)
    before = fake_car.pulses(car)
    driving.tick(1.0 + PATIENCE - age - 0.001)
    assert fake_car.pulses(car) == before != fake_car.neutral()
    driving.tick(1.0 + PATIENCE - age + 0.001)
    assert fake_car.pulses(car) == fake_car.neutral()
    assert driving.enabled
    driving.obey(0.1, 1.0, 0.0, 2.0)
    assert fake_car.pulses(car) == before


def test_a_fifth_of_a_second_after_the_last_command_it_is_neutral(driving, car, fake_car):
    driving.obey(0.1, 1.0, 0.0, 1.0)
    now = 1.001
    while now + TICK <= 1.2:  # the last tick in time
        now += TICK
        driving.tick(now)
    assert fake_car.pulses(car) == fake_car.neutral()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_not_finite_stops_the_car(driving, car, fake_car, wrong, place):
    command = [0.1, 1.0]
    command[place] = wrong
    with pytest.raises(ValueError, match="nan|inf"):
        driving.obey(*command, 0.0, 0.01)
    assert fake_car.pulses(car) == fake_car.neutral()


@pytest.mark.parametrize("age", [0.2, -0.2, 1e9, math.nan])
def test_what_is_stale_or_from_the_future_stops_the_car(driving, car, fake_car, age):
    with pytest.raises(ValueError, match="do the clocks agree"):
        driving.obey(0.1, 1.0, age, 0.01)
    assert fake_car.pulses(car) == fake_car.neutral()


def test_a_stamp_from_the_near_future_wins_no_time(driving, car, fake_car):
    driving.obey(0.1, 1.0, -0.1, 1.0)
    driving.tick(1.0 + PATIENCE + 0.001)
    assert fake_car.pulses(car) == fake_car.neutral()


@pytest.fixture(scope="module")
def obedient(fake_car, tmp_path_factory):
    """One car that is enabled, and its root."""
    root = tmp_path_factory.mktemp("car")
    fake_car.make(root)
    servo = Servo(root, STOCK, LIMITS, stock_throttle(LIMITS.speed))
    servo.tick(0.0)
    servo.enable(0.0)
    yield servo, root
    servo.close()


@settings(deadline=None)
@given(st.floats(), st.floats(), st.floats())
def test_no_command_leaves_the_calibrated_range(obedient, fake_car, steering, speed, age):
    servo, root = obedient
    try:
        servo.obey(steering, speed, age, 0.0)
    except ValueError:
        assert fake_car.pulses(root) == fake_car.neutral()
    motor, steering = fake_car.pulses(root)
    assert STOCK.motor.min <= motor <= STOCK.motor.max
    assert STOCK.servo.min <= steering <= STOCK.servo.max


def test_disabled_it_is_at_rest(driving, car, fake_car):
    driving.disable()
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)
    driving.obey(0.1, 1.0, 0.0, 0.1)
    assert fake_car.pulses(car) == fake_car.neutral()


def test_at_the_end_it_is_at_rest_and_nobody_is_left(driving, car, fake_car):
    guard = driving._guard.pid
    driving.close()
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)
    with pytest.raises(ProcessLookupError):
        os.kill(guard, 0)


def test_a_lost_chip_is_looked_for_every_second_and_is_off_then(driving, car, fake_car):
    fake_car.take_away(car)
    driving.obey(0.1, 1.0, 0.0, 0.05)
    assert "pwm0/duty_cycle" in driving.fault
    assert not driving.enabled
    driving.tick(0.1)
    fake_car.bring_back(car)
    driving.tick(1.0)
    assert not driving.is_there
    with pytest.raises(ValueError, match="nan"):
        driving.obey(math.nan, 1.0, 0.0, 1.05)  # puts nothing off
    driving.tick(1.2)
    assert driving.is_there
    assert fake_car.pulses(car) == fake_car.neutral()
    driving.obey(0.1, 1.0, 0.0, 1.3)
    assert fake_car.pulses(car) == fake_car.neutral()
    driving.enable(1.4)
    assert driving.fault == ""
    driving.obey(0.1, 1.0, 0.0, 1.5)
    assert fake_car.pulses(car) != fake_car.neutral()


def test_enabling_looks_for_a_lost_chip_at_once(driving, car, fake_car):
    fake_car.take_away(car)
    with pytest.raises(UserError, match="pwm0"):
        driving.enable(0.1)
    with pytest.raises(UserError, match="stay off: No PWM chip"):
        driving.enable(0.2)
    fake_car.bring_back(car)
    driving.enable(0.3)
    driving.obey(0.1, 1.0, 0.0, 0.4)
    assert fake_car.pulses(car) != fake_car.neutral()


def test_a_lost_chip_is_noticed_while_nobody_drives(servo, car, fake_car):
    fake_car.take_away(car)
    servo.tick(1.01)
    assert "pwm0" in servo.fault


def test_it_begins_without_hardware_and_takes_what_comes(fake_car, car):
    fake_car.take_away(car)
    servo = Servo(car, STOCK, LIMITS, stock_throttle(LIMITS.speed))
    servo.tick(0.0)
    assert "No PWM chip" in servo.fault
    fake_car.bring_back(car)
    servo.tick(1.0)
    assert servo.is_there
    servo.close()


def test_a_second_one_waits_until_the_first_has_ended(driving, car, fake_car):
    before = fake_car.pulses(car)
    second = Servo(car, STOCK, LIMITS, stock_throttle(LIMITS.speed))
    second.tick(0.0)
    assert "Another process drives the car" in second.fault
    assert fake_car.pulses(car) == before != fake_car.neutral()
    driving.close()
    second.tick(1.0)
    assert second.is_there
    second.close()


def test_a_motor_that_refuses_leaves_the_rest_at_rest(driving, car, fake_car):
    duty = fake_car.chip(car) / "pwm0/duty_cycle"
    fake_car.refuse(duty)
    driving.tick(0.01)  # nothing is written
    assert driving.enabled
    driving.obey(0.1, 1.0, 0.0, 0.02)
    assert "No space left" in driving.fault
    assert int(fake_car.read(fake_car.chip(car) / "pwm1/duty_cycle")) == STOCK.servo.mid
    assert not fake_car.is_powered(car)
    duty.unlink()
    fake_car.write(duty, FULL_AHEAD)  # it listens again, and gives its last pulse still
    driving.tick(0.03)
    driving.tick(1.04)
    assert fake_car.pulses(car) == fake_car.neutral()


def test_what_refuses_its_rest_is_in_the_hands_of_the_guard(driving, car, fake_car, eventually):
    fake_car.refuse(duty := fake_car.chip(car) / "pwm0/duty_cycle")
    driving.obey(0.1, 1.0, 0.0, 0.02)
    duty.unlink()
    fake_car.write(duty, FULL_AHEAD)
    eventually(lambda: fake_car.pulses(car) == fake_car.neutral())  # and nobody ticks


def test_without_its_guard_it_goes_off_and_gets_another(driving, car, fake_car, eventually):
    former = driving._guard.pid
    os.kill(former, signal.SIGKILL)

    def goes_off():
        driving.tick(0.01)
        return not driving.enabled

    eventually(goes_off)
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)
    driving.tick(0.02)
    assert driving.is_there
    assert "guard" in driving.fault
    assert driving._guard.pid != former
    driving.enable(0.03)
    driving.obey(0.1, 1.0, 0.0, 0.04)
    assert fake_car.pulses(car) != fake_car.neutral()


def test_a_raspberry_drives_too(fake_car, tmp_path):
    fake_car.make(tmp_path, "raspberry")
    servo = Servo(tmp_path, STOCK, LIMITS, stock_throttle(LIMITS.speed))
    servo.tick(0.0)
    servo.enable(0.0)
    servo.obey(math.radians(30), 4.0, 0.0, 0.0)
    assert fake_car.pulses(tmp_path) == (FULL_AHEAD, FULL_LEFT)
    servo.close()
    assert fake_car.pulses(tmp_path) == fake_car.neutral()
