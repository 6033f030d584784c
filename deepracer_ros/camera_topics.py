"""What a camera publishes, be it simulated or real."""

from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from deepracer_ros.messages import Frame, to_image, to_jpeg
from deepracer_ros.topics import SENSOR

FRAME_ID = "camera_optical"


class CameraTopics:
    """Images, their JPEGs, and the lens."""

    def __init__(self, node: Node, focal_length: float, compressed: bool) -> None:
        """focal_length: in pixels of the images. compressed: offer JPEG images, too."""
        self._focal_length = focal_length
        self._image = node.create_publisher(Image, "camera/image_raw", SENSOR)
        self._info = node.create_publisher(CameraInfo, "camera/camera_info", SENSOR)
        self._jpeg = (
            node.create_publisher(CompressedImage, "camera/image_raw/compressed", SENSOR)
            if compressed
            else None
        )

    @property
    def name(self) -> str:
        """Full name of the images' topic."""
        return str(self._image.topic_name)

    @property
    def is_watched(self) -> bool:
        """Whether anybody listens."""
        publishers = [self._image, self._info] + ([self._jpeg] if self._jpeg else [])
        return any(publisher.get_subscription_count() for publisher in publishers)

    def show(self, frame: Frame, stamp: Time) -> None:
        """Publish a colour frame (h, w, 3)."""
        height, width, _ = frame.shape
        self._image.publish(to_image(frame, stamp, FRAME_ID))
        self._info.publish(to_camera_info(width, height, self._focal_length, stamp))
        if self._jpeg and self._jpeg.get_subscription_count():
            self._jpeg.publish(to_jpeg(frame, stamp, FRAME_ID))


def to_camera_info(width: int, height: int, focal_length: float, stamp: Time) -> CameraInfo:
    """The lens: a pinhole without distortion; all in pixels, whose centres are whole numbers."""
    f, cx, cy = focal_length, (width - 1) / 2, (height - 1) / 2
    return CameraInfo(
        header=Header(stamp=stamp, frame_id=FRAME_ID),
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
