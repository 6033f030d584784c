"""Matrices travel unchanged; layouts that lie are refused before they cost memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float32MultiArray, MultiArrayDimension

from deepracer_ros.arrays import LARGEST, read_array, to_array

headers = st.lists(st.integers(-LARGEST, LARGEST), max_size=4)
singles = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6))


def message(data, *sizes, offset=2):
    made = Float32MultiArray(data=[float(number) for number in data])
    made.layout.data_offset = offset
    made.layout.dim = [MultiArrayDimension(label="x", size=size) for size in sizes]
    return made


@given(header=headers, values=singles)
@settings(deadline=None)
def test_what_is_sent_is_read(header, values):
    sent = to_array(header, "car", "a,b", values.astype(np.float64))
    came = deserialize_message(serialize_message(sent), Float32MultiArray)
    found = read_array(came, len(header))
    assert found.header == tuple(header)
    assert found.columns == "a,b"
    np.testing.assert_array_equal(found.values, values)


def test_the_layout_is_labelled_as_the_standard_says():
    layout = to_array((7, 8, 9), "car", "x,y", np.zeros((5, 2))).layout
    assert layout.data_offset == 3
    assert [(one.label, one.size, one.stride) for one in layout.dim] == [
        ("car", 5, 10),
        ("x,y", 2, 2),
    ]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Float32MultiArray(), "0 dimensions"),
        (message([1, 2, 3], 1), "1 dimensions"),
        (message([1, 2, 3], 1, 1, 1), "3 dimensions"),
        (message([1, 2, 3], 1, 1, offset=1), "data_offset 1"),
        (message([1, 2, 3], 1, 1, offset=2**32 - 1), "data_offset 4294967295"),
        (message([1, 2, 3], 2, 1), "3 numbers are not 2 and 2 x 1"),
        (message([1], 0, 0), "1 numbers"),
        (message([1, 2], 2**32 - 1, 2**32 - 1), "4294967295 x 4294967295"),
        (message([1, 2], 2**31, 2**31 + 2), "x"),  # whose product is 2**32, cut off at 32 bits
        (message([1, 2.5], 0, 2), "whole"),
        (message([1, np.nan], 0, 2), "whole"),
        (message([np.inf, 1], 0, 2), "whole"),
    ],
)
def test_layouts_that_lie_are_refused(broken, words):
    with pytest.raises(ValueError, match=words):
        read_array(broken, 2)


@given(
    sizes=st.lists(st.integers(0, 2**32 - 1), max_size=3),
    offset=st.integers(0, 2**32 - 1),
    data=st.lists(st.floats(width=32), max_size=12),
)
@settings(deadline=None)
def test_anything_else_is_read_or_refused(sizes, offset, data):
    try:
        found = read_array(message(data, *sizes, offset=offset), 2)
    except ValueError:
        return
    assert [*found.values.shape] == sizes
    assert len(data) == 2 + found.values.size
