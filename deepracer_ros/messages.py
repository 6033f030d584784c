"""Messages to plain values and back. What a message says is checked before it is believed."""

import array
import math

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from deepracer_sim.errors import UserError

try:
    from ackermann_msgs.msg import AckermannDriveStamped
    from tf2_msgs.msg import TFMessage as TFMessage
except ImportError as error:
    raise UserError(
        f"The ROS message package {error.name} is missing. Make it, once: deepracer interfaces"
    ) from error

Frame = NDArray[np.uint8]

_CHANNELS = {"mono8": 1, "rgb8": 3, "bgr8": 3}


def to_time(nanoseconds: int) -> Time:
    """A time in ns as a message."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return Time(sec=seconds, nanosec=rest)


def to_nanoseconds(time: Time) -> int:
    """A message's time in ns."""
    return int(time.sec * 10**9 + time.nanosec)


def to_image(frame: Frame, stamp: Time, frame_id: str) -> Image:
    """A grey (h, w) or colour (h, w, 3) frame as mono8 or rgb8."""
    height, width = frame.shape[:2]
    message = Image(height=height, width=width, encoding="mono8" if frame.ndim == 2 else "rgb8")
    message.header.stamp = stamp
    message.header.frame_id = frame_id
    message.step = frame[0].size
    message.data = array.array("B", frame.tobytes())  # anything else is checked byte by byte
    return message


def read_image(message: Image) -> Frame:
    """The frame of a mono8, rgb8 or bgr8 image: grey (h, w), or colour (h, w, 3) as red, green,
    blue. Raises ValueError for another encoding, and where the sizes do not agree.
    """
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        known = ", ".join(_CHANNELS)
        raise ValueError(f"the encoding is {message.encoding!r}, accepted are {known}")
    height, width, step = message.height, message.width, message.step
    if step < width * channels or len(message.data) != height * step or not height * width:
        raise ValueError(
            f"{width}x{height} {message.encoding} with {step} bytes a row does not fit "
            f"{len(message.data)} bytes of data"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, : width * channels]
    if channels == 1:
        return rows
    frame = rows.reshape(height, width, 3)
    return frame[..., ::-1] if message.encoding == "bgr8" else frame


def to_jpeg(frame: Frame, stamp: Time, frame_id: str) -> CompressedImage:
    """A colour frame (h, w, 3) as a JPEG message, in image_transport's format string."""
    import cv2  # 40 MB that most nodes do without

    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    message.header.stamp = stamp
    message.header.frame_id = frame_id
    message.data = array.array("B", data.tobytes())
    return message


def to_drive(steering_angle: float, speed: float, stamp: Time) -> AckermannDriveStamped:
    """A command, rad (left positive) and m/s, to the car's base_link."""
    message = AckermannDriveStamped()
    message.header.stamp = stamp
    message.header.frame_id = "base_link"
    message.drive.steering_angle = float(steering_angle)
    message.drive.speed = float(speed)
    return message


def read_drive(message: AckermannDriveStamped) -> tuple[float, float]:
    """Steering angle, rad, and speed, m/s. Raises ValueError where one is not finite."""
    command = message.drive.steering_angle, message.drive.speed
    if not all(map(math.isfinite, command)):
        raise ValueError(f"the command is not finite: steering {command[0]}, speed {command[1]}")
    return command
