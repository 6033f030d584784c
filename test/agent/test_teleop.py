"""Driving by hand: what keys and sticks command, and that letting go stops the car."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_agent.teleop import HOLD, LET_GO, ROLL_OUT, STEPS, Teleop

SPEED, ANGLE = 2.0, 0.5
STANDING = (0.0, 0.0)


@pytest.fixture
def teleop():
    return Teleop(SPEED, ANGLE)


def joy(steering=0.0, speed=0.0, *, deadman=True):
    """The axes and buttons of a gamepad."""
    return [steering, 0.0, 0.0, speed, 0.0, 0.0], [0] * 9 + [int(deadman)] + [0] * 5


def test_nobody_drives_before_the_first_key(teleop):
    assert teleop.command(0.0) is None


@pytest.mark.parametrize(
    ("text", "steering", "speed"),
    [
        ("w", 0, 1),
        ("s", 0, -1),
        ("a", 1, 0),
        ("d", -1, 0),
        ("\x1b[A", 0, 1),
        ("\x1b[B", 0, -1),
        ("\x1b[C", -1, 0),
        ("\x1b[D", 1, 0),
        ("\x1bOA", 0, 1),
        ("\x1bOD", 1, 0),
        ("wwwad", 0, 3),
        ("w\x1b[A\x1b[Dd", 0, 2),
        ("w" * 50, 0, STEPS),
        ("s" * 50, 0, -STEPS),
        ("a" * 50, STEPS, 0),
        ("wwa ", 0, 0),
        ("ww ws", 0, 0),
    ],
)
def test_each_press_is_a_step_up_to_the_largest(teleop, text, steering, speed):
    teleop.keys(text, 0.0)
    expected = steering / STEPS * ANGLE, speed / STEPS * SPEED
    assert teleop.command(0.1) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "x", "W", "\x1b", "\x1b[3~", "\x1b[1;5A", "é", "\n\t", "["])
def test_other_keys_do_nothing(teleop, text):
    teleop.keys(text, 0.0)
    assert teleop.command(0.0) is None


def test_who_lets_go_rolls_to_a_stop_and_leaves_the_car_to_others(teleop):
    teleop.keys("wwwww", 0.0)
    speeds = [teleop.command(t / 100).speed for t in range(int(LET_GO * 100))]
    assert set(speeds[: int(HOLD * 100)]) == {SPEED}
    assert speeds == sorted(speeds, reverse=True)
    assert teleop.command(HOLD + ROLL_OUT / 2).speed == pytest.approx(SPEED / 2)
    assert teleop.command(HOLD + ROLL_OUT) == STANDING
    assert teleop.command(LET_GO) == STANDING
    assert teleop.command(LET_GO + 0.01) is None


def test_a_key_that_is_held_drives_on(teleop):
    for press in range(100):
        teleop.keys("w", press * 0.1)
        assert teleop.command(press * 0.1 + 0.09).speed > 0.0
    assert teleop.command(10.0).speed == SPEED


def test_the_wheels_straighten_while_another_key_is_held(teleop):
    teleop.keys("aaa", 0.0)
    for press in range(11):
        teleop.keys("w", press * 0.1)
    assert teleop.command(1.0) == (0.0, SPEED)


def test_steering_holds_the_speed(teleop):
    teleop.keys("www", 0.0)
    for press in range(11):
        teleop.keys("a", press * 0.1)
    assert teleop.command(1.0) == pytest.approx((ANGLE, 0.6 * SPEED))


def test_a_key_after_the_roll_out_starts_from_standing(teleop):
    teleop.keys("wwwwa", 0.0)
    teleop.keys("w", 5.0)
    assert teleop.command(5.0) == pytest.approx((0.0, SPEED / STEPS))


def test_space_stops_at_once_and_says_so_for_a_while(teleop):
    teleop.keys("wwwaa", 0.0)
    teleop.keys(" ", 0.1)
    assert teleop.command(0.1) == teleop.command(1.0) == STANDING


@given(
    st.lists(st.tuples(st.sampled_from("wasd \x1b[AB"), st.floats(0.0, 2.0))),
    st.floats(0.0, 4.0),
    st.floats(0.0, 0.6),
)
def test_commands_are_within_their_limits_and_end(presses, largest_speed, largest_angle):
    teleop, now = Teleop(largest_speed, largest_angle), 0.0
    for text, pause in presses:
        teleop.keys(text, now)
        now += pause
        if command := teleop.command(now):
            assert abs(command.speed) <= largest_speed
            assert abs(command.steering_angle) <= largest_angle
    assert teleop.command(now + LET_GO + 0.001) is None


def test_sticks_drive_while_the_dead_mans_button_is_held(teleop):
    teleop.joy(*joy(0.5, -1.0), 0.0)
    assert teleop.command(0.0) == (0.5 * ANGLE, -SPEED)
    teleop.joy(*joy(0.5, -1.0, deadman=False), 0.1)
    assert teleop.command(0.1) == STANDING


def test_a_gamepad_that_nobody_holds_leaves_the_keyboard_alone(teleop):
    teleop.joy(*joy(1.0, 1.0, deadman=False), 0.0)
    assert teleop.command(0.0) is None
    teleop.keys("w", 0.0)
    teleop.joy(*joy(1.0, 1.0, deadman=False), 0.1)
    assert teleop.command(0.1).speed == SPEED / STEPS


def test_a_gamepad_that_falls_silent_lets_the_car_roll_to_a_stop(teleop):
    teleop.joy(*joy(1.0, 1.0), 0.0)
    assert teleop.command(HOLD + ROLL_OUT) == STANDING


def test_sticks_beyond_their_range_are_limited(teleop):
    teleop.joy(*joy(-7.0, 7.0), 0.0)
    assert teleop.command(0.0) == (-ANGLE, SPEED)


@pytest.mark.parametrize(
    ("axes", "buttons", "words"),
    [
        ([], [], "0 axes and 0 buttons"),
        ([0.0] * 3, [1] * 15, "3 axes and 15 buttons"),
        ([0.0] * 6, [1] * 9, "6 axes and 9 buttons"),
        (*joy(math.nan, 0.0), "not finite"),
        (*joy(0.0, math.inf), "not finite"),
    ],
)
def test_another_gamepad_is_refused_in_words(teleop, axes, buttons, words):
    with pytest.raises(ValueError, match=words):
        teleop.joy(axes, buttons, 0.0)
    assert teleop.command(0.0) is None
