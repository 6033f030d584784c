import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_sim.referee import Status, plan_starts, unwrap_progress
from deepracer_sim.track import Track

SIDE = np.full(4, 0.4)
SQUARE = Track("square", np.array([[0.0, 0], [3, 0], [3, 3], [0, 3]]), SIDE, SIDE, np.zeros((1, 2)))


@given(st.floats(-100.0, 100.0), st.floats(-99.0, 99.9))
def test_unwrapped_progress_is_the_same_place_and_never_jumps(raw, before):
    progress = unwrap_progress(np.array([raw]), np.array([before]))[0]
    laps = (progress - raw) / 100.0
    assert progress <= 100.0
    if progress < 100.0:
        assert laps == pytest.approx(round(laps), abs=1e-9)
    if before >= -50.0:  # further back the service's rule itself gives up
        assert abs(progress - before) <= 50.0 + 1e-9


def test_labels_are_the_services_words():
    assert [status.label for status in Status] == [
        "In progress", "Time up", "Lap complete", "Crashed", "Off track", "Reversed",
        "Immobilized",
    ]  # fmt: skip


def test_starts_go_round_by_five_percent():
    starts = plan_starts(np.arange(40), SQUARE)
    fractions = starts.s / SQUARE.length
    assert fractions[:20] == pytest.approx(np.arange(20) / 20)
    assert fractions[20:] == pytest.approx(fractions[:20])
    assert set(starts.direction) == {1}


@pytest.mark.parametrize(("clockwise", "expected"), [(False, [1, -1, 1]), (True, [-1, 1, -1])])
def test_alternating_starts(clockwise, expected):
    starts = plan_starts(np.arange(3), SQUARE, clockwise=clockwise, alternate=True)
    assert starts.direction.tolist() == expected
    fixed = plan_starts(np.arange(3), SQUARE, clockwise=clockwise)
    assert set(fixed.direction) == {expected[0]}
