"""The fleet topics: requests and answers of lockstep as messages."""

import array

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray

from deepracer_ros.arrays import read_array, to_array
from deepracer_sim.ground import Frame
from deepracer_sim.lockstep import STATES, Answer, Header, Request
from deepracer_sim.world import Array

DRIVE, STATE, IMAGE, WORLD = "fleet/drive", "fleet/state", "fleet/image", "fleet/world"


def to_request(request: Request) -> Float32MultiArray:
    """A request as a message."""
    return to_array(request.header, "car", request.columns, request.values)


def read_request(message: Float32MultiArray) -> Request:
    """A message as a request. Raises ValueError where it is none."""
    header, columns, values = read_array(message, len(Header._fields))
    return Request(Header(*header), columns, values)


def to_state(answer: Answer) -> Float32MultiArray:
    """The states (n, 7) of an answer, with its header."""
    return to_array(answer.header, "car", STATES, answer.states)


def read_state(message: Float32MultiArray) -> tuple[Header, Array]:
    """The header and the states (n, 7). Raises ValueError."""
    header, columns, values = read_array(message, len(Header._fields))
    if columns != STATES:
        raise ValueError(f"the columns are {columns!r}, expected are {STATES!r}")
    return Header(*header), values


def to_frames(header: Header, frames: Frame, stamp: Time) -> Image:
    """Frames (k, h, w), one below the other; the header is in frame_id."""
    count, height, width = frames.shape
    message = Image(height=count * height, width=width, encoding="mono8", step=width)
    message.header.stamp = stamp
    message.header.frame_id = ",".join(map(str, header))
    message.data = array.array("B", frames.tobytes())
    return message


def read_frames(message: Image, height: int, width: int) -> tuple[Header, Frame]:
    """The header and the frames (k, height, width), which may be written to.

    Raises ValueError where the message does not hold such frames.
    """
    size = height * width
    found = message.encoding, message.width, message.step, message.height * width
    if found != ("mono8", width, width, len(message.data)) or len(message.data) % size:
        raise ValueError(f"{found} is not frames of {width}x{height}")
    header = Header(*map(int, message.header.frame_id.split(",")))
    return header, np.frombuffer(message.data, np.uint8).reshape(-1, height, width)
