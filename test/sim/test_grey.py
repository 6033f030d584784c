"""Colour to grey."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepracer_sim.grey import LUMINANCE, grey


@given(st.integers(0, 255))
def test_grey_of_grey_is_itself(level):
    assert grey(np.full((2, 3), level, np.uint8)).tolist() == [level, level]


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_grey_is_the_luminance(colour):
    level = float(np.dot(colour, LUMINANCE))
    assert abs(float(grey(np.array(colour, np.uint8))) - level) <= 0.5 + 1e-4
