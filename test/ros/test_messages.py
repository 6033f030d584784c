"""Images and commands are what they say, or are refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from deepracer_ros.messages import (
    AckermannDriveStamped,
    read_drive,
    read_image,
    to_drive,
    to_image,
    to_jpeg,
    to_nanoseconds,
    to_time,
)

STAMP = to_time(123)
shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))
frames = shapes.flatmap(
    lambda shape: st.sampled_from([shape, (*shape, 3)]).flatmap(lambda s: arrays(np.uint8, s))
)


def image(encoding="rgb8", width=4, height=2, step=12, size=24):
    return Image(encoding=encoding, width=width, height=height, step=step, data=bytes(range(size)))


@given(frame=frames)
@settings(deadline=None)
def test_a_frame_travels_unchanged(frame):
    sent = to_image(frame, STAMP, "camera_optical")
    came = deserialize_message(serialize_message(sent), Image)
    assert (came.header.stamp, came.header.frame_id) == (STAMP, "camera_optical")
    assert came.step == came.width * (3 if frame.ndim == 3 else 1)
    np.testing.assert_array_equal(read_image(came), frame)


@given(nanoseconds=st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1))
def test_times_are_exact(nanoseconds):
    assert to_nanoseconds(to_time(nanoseconds)) == nanoseconds


def test_rows_may_be_longer_than_the_picture_and_blue_may_come_first():
    plain = read_image(image())
    padded = image(step=16, size=32)
    np.testing.assert_array_equal(read_image(padded)[1, 0], [16, 17, 18])
    np.testing.assert_array_equal(read_image(image("bgr8")), plain[..., ::-1])
    grey = read_image(image("mono8", step=5, size=10))
    np.testing.assert_array_equal(grey, [[0, 1, 2, 3], [5, 6, 7, 8]])


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"encoding": "16UC1"}, "the encoding is '16UC1', accepted are mono8, rgb8, bgr8"),
        ({"encoding": ""}, "the encoding is ''"),
        ({"size": 23}, "23 bytes of data"),
        ({"size": 0}, "does not fit"),
        ({"step": 11}, "11 bytes a row"),
        ({"step": 0, "size": 0}, "does not fit"),
        ({"width": 5}, "5x2"),
        ({"width": 0}, "0x2"),
        ({"height": 0, "size": 0}, "4x0"),
        ({"height": 2**32 - 1, "width": 2**32 - 1, "step": 2**32 - 1}, "4294967295"),
        ({"width": 2**31, "step": 2**31}, "does not fit"),
    ],
)
def test_images_whose_sizes_lie_are_refused(lie, words):
    with pytest.raises(ValueError, match=words):
        read_image(image(**lie))


def test_a_jpeg_shows_the_frame_in_the_format_of_image_transport():
    import cv2

    frame = np.full((16, 24, 3), [200, 100, 50], np.uint8)
    message = to_jpeg(frame, STAMP, "camera_optical")
    assert message.format == "rgb8; jpeg compressed bgr8"
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded[..., ::-1], frame, atol=6)


def test_a_command_travels_unchanged():
    sent = to_drive(-0.25, 1.5, STAMP)
    came = deserialize_message(serialize_message(sent), AckermannDriveStamped)
    assert read_drive(came) == (-0.25, 1.5)
    assert (came.header.stamp, came.header.frame_id) == (STAMP, "base_link")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_commands_that_are_not_finite_are_refused(bad):
    for command in ((bad, 1.0), (0.0, bad)):
        with pytest.raises(ValueError, match="not finite"):
            read_drive(to_drive(*command, STAMP))
