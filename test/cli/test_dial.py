import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_agent.terminal import split_keys
from deepracer_cli.dial import STEP, Dial
from deepracer_hw.calibration import LONGEST, SHORTEST

START = 1_450_000  # ns


def dialled(text):
    """A dial after some keys."""
    dial = Dial(START)
    for key in split_keys(text):
        dial.press(key)
    return dial


@pytest.mark.parametrize(
    ("text", "pulse"),
    [
        ("\x1b[A", START + STEP),
        ("\x1b[C\x1bOC", START + 2 * STEP),
        ("\x1b[B\x1bOD\x1b[A", START - STEP),
        ("1500\n", 1_500_000),
        ("15001\x7f\n", 150_000),
        ("1500", START),
        ("x?\x1b[5~", START),
        ("9999\n", LONGEST),
        ("0\n", SHORTEST),
    ],
)
def test_keys_turn_it(text, pulse):
    assert dialled(text).pulse == min(max(pulse, SHORTEST), LONGEST)


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [("\n", True), ("1500\n", False), ("1500\n\n", True), ("\x1b[A", False)],
)
def test_enter_alone_accepts(text, is_accepted):
    assert dialled(text).is_accepted == is_accepted


@given(st.text())
def test_no_keys_leave_what_hardware_takes(text):
    assert SHORTEST <= dialled(text).pulse <= LONGEST
