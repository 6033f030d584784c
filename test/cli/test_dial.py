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
        ("15001\x7f\n", 1_500_000),
        ("1500", START),
        ("x?\x1b[5~", START),
        ("1950\n", 1_950_000),
        ("\x1b[A" * 999, LONGEST),
        ("\x1b[B" * 999, SHORTEST),
    ],
)
def test_keys_turn_it(text, pulse):
    dial = dialled(text)
    assert (dial.pulse, dial.refused) == (pulse, "")


@pytest.mark.parametrize(
    "typed",
    ["140", "0", "9999", "99999", "13200", "1951", "949", "1e3", "1e350", "-1500", "1500.5"],
)
def test_a_typo_is_refused_and_leaves_it_where_it_is(typed):
    dial = dialled(typed + "\n")
    assert (dial.pulse, dial.is_accepted, dial.typed) == (START, False, "")
    assert dial.refused.startswith(f"{typed!r} was not taken: ")
    assert "from 950 to 1950" in dial.refused


def test_a_long_number_is_not_cut_to_a_good_one():
    for zeros in range(20):
        dial = dialled("0" * zeros + "13200\n")
        assert dial.pulse == START
        assert dial.refused


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [("\n", True), ("1500\n", False), ("1500\n\n", True), ("\x1b[A", False)],
)
def test_enter_alone_accepts(text, is_accepted):
    assert dialled(text).is_accepted == is_accepted


@given(st.text())
def test_no_keys_leave_what_hardware_takes(text):
    assert SHORTEST <= dialled(text).pulse <= LONGEST
