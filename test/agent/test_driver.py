"""The driver at the wheel: what it refuses, what it commands, and when it is blind."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_agent.driver import LONGEST_BLIND, Driver
from deepracer_agent.policy import Policy
from deepracer_sim.grey import grey

NOW = 1_700_000_000 * 10**9  # ns
GREY = np.zeros((120, 160), np.uint8)


class Wheel:
    """Stands for a policy: keeps what it saw, and commands always the same."""

    def __init__(self, steering_angle=0.2, speed=3.0):
        self.command = [[steering_angle, speed]]

    def drive(self, frames):
        self.seen = frames
        return np.array(self.command)


def test_a_trained_policy_is_given_its_head(trained):
    frame = np.random.default_rng(0).integers(0, 256, (120, 160), dtype=np.uint8)
    policy = Policy(trained.folder)
    assert Driver(policy).drive(frame, NOW, NOW) == pytest.approx(policy.drive(frame[None])[0])


@pytest.mark.parametrize("flip", [False, True])
def test_colour_is_seen_as_the_simulators_own_grey(flip):
    colour = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    colour = colour[..., ::-1] if flip else colour
    wheel = Wheel()
    Driver(wheel).drive(colour, NOW, NOW)
    assert wheel.seen.dtype == np.uint8
    assert np.array_equal(wheel.seen, grey(colour)[None])


def test_a_trained_policy_takes_rows_with_gaps(trained):
    rows = np.random.default_rng(0).integers(0, 256, (120, 200), dtype=np.uint8)
    driver = Driver(Policy(trained.folder))
    assert driver.drive(rows[:, :160], NOW, NOW) == driver.drive(rows[:, :160].copy(), NOW, NOW)


@given(st.floats(-0.6, 0.6), st.floats(0.0, 4.0), st.floats(0.0, 4.0), st.floats(0.0, 1.0))
def test_the_speed_is_scaled_then_limited(steering_angle, speed, max_speed, throttle_scale):
    driver = Driver(Wheel(steering_angle, speed), max_speed, throttle_scale)
    expected = steering_angle, min(speed * throttle_scale, max_speed)
    assert driver.drive(GREY, NOW, NOW) == expected


def test_policy_and_limits_change_while_it_drives():
    driver = Driver(Wheel(speed=3.0))
    driver.max_speed = 2.0
    assert driver.drive(GREY, NOW, NOW).speed == 2.0
    driver.throttle_scale = 0.5
    assert driver.drive(GREY, NOW, NOW).speed == 1.5
    driver.policy = Wheel(speed=1.0)
    assert driver.drive(GREY, NOW, NOW).speed == 0.5


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((240, 320), "320x240"),
        ((160, 120, 3), "120x160x3"),
        ((120, 160, 4), "160x120x4"),
        ((120, 160, 1), "160x120x1"),
        ((119, 160), "160x119"),
    ],
)
def test_another_size_is_refused_in_words(shape, words):
    driver = Driver(Wheel())
    with pytest.raises(ValueError, match=f"the image is {words}, the policy takes 160x120"):
        driver.drive(np.zeros(shape, np.uint8), NOW, NOW)
    assert driver.is_blind(NOW)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (LONGEST_BLIND, "0.2 s old"),
        (3600 * 10**9, "3600.0 s old"),
        (-LONGEST_BLIND, "0.2 s in the future"),
        (-NOW, "1700000000.0 s in the future"),
    ],
)
def test_an_image_of_another_time_is_refused_in_words(age, words):
    driver = Driver(Wheel())
    with pytest.raises(ValueError, match=f"the image is {words} by the clock here"):
        driver.drive(GREY, NOW - age, NOW)
    assert driver.is_blind(NOW)


def test_what_the_policy_cannot_answer_leaves_it_blind():
    class Lost(Wheel):
        def drive(self, frames):
            raise ValueError("actions are not finite")

    driver = Driver(Lost())
    with pytest.raises(ValueError, match="not finite"):
        driver.drive(GREY, NOW, NOW)
    assert driver.is_blind(NOW)


def test_it_is_blind_before_the_first_image_and_0_2_s_after_the_last():
    driver = Driver(Wheel())
    assert driver.is_blind(NOW)
    driver.drive(GREY, NOW, NOW)
    assert not driver.is_blind(NOW + LONGEST_BLIND - 1)
    assert driver.is_blind(NOW + LONGEST_BLIND)


@given(st.integers(-NOW, NOW))
def test_a_jump_of_the_clock_blinds_it_until_an_image_of_the_new_time(jump):
    driver = Driver(Wheel())
    driver.drive(GREY, NOW, NOW)
    then = NOW + jump
    assert driver.is_blind(then) == (abs(jump) >= LONGEST_BLIND)
    driver.drive(GREY, then, then)
    assert not driver.is_blind(then)


def test_the_car_needs_none_of_the_simulators_and_the_learners_libraries():
    code = (
        "import sys, deepracer_agent.driver, deepracer_agent.teleop, deepracer_agent.terminal; "
        'print({"torch", "numba", "cv2", "matplotlib", "gymnasium", "rclpy"} & set(sys.modules))'
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "set()\n"
