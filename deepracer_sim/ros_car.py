"""The car and its camera as nodes of their own: what one car shows on the standard topics."""

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from deepracer_ros.messages import TFMessage, to_image, to_jpeg
from deepracer_ros.topics import LATCHED, SENSOR
from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters, CarStates
from deepracer_sim.ground import Frame
from deepracer_sim.ros_messages import (
    static_transforms,
    to_camera_info,
    to_odometry,
    to_transform,
)
from deepracer_sim.urdf import car_urdf


class CarNode(Node):
    """The node `car`: odometry and transforms of one car, and what it looks like."""

    def __init__(self, car: CarParameters, camera: Camera) -> None:
        """Publish what does not change: the description and the static transforms."""
        super().__init__("car", start_parameter_services=False)  # it has none
        self._odometry = self.create_publisher(Odometry, "odom", 10)
        self._transforms = self.create_publisher(TFMessage, "tf", 100)
        self._static = self.create_publisher(TFMessage, "tf_static", LATCHED)
        self._static.publish(TFMessage(transforms=static_transforms(camera, Time())))
        self._description = self.create_publisher(String, "robot_description", LATCHED)
        self._description.publish(String(data=car_urdf(car, camera)))

    def show(self, states: CarStates, stamp: Time) -> None:
        """Publish the motion of the first car, to those who listen."""
        if self._odometry.get_subscription_count():
            self._odometry.publish(to_odometry(states, 0, stamp))
        if self._transforms.get_subscription_count():
            self._transforms.publish(TFMessage(transforms=[to_transform(states, 0, stamp)]))


class CameraNode(Node):
    """The node `camera`: images of one car's camera, and its lens."""

    def __init__(self, camera: Camera, compressed: bool) -> None:
        """compressed: offer JPEG images, too."""
        super().__init__("camera", start_parameter_services=False)  # it has none
        self._camera = camera
        self._image = self.create_publisher(Image, "camera/image_raw", SENSOR)
        self._info = self.create_publisher(CameraInfo, "camera/camera_info", SENSOR)
        self._jpeg = (
            self.create_publisher(CompressedImage, "camera/image_raw/compressed", SENSOR)
            if compressed
            else None
        )

    @property
    def is_watched(self) -> bool:
        """Whether anybody listens."""
        publishers = [self._image, self._info] + ([self._jpeg] if self._jpeg else [])
        return any(publisher.get_subscription_count() for publisher in publishers)

    def show(self, frame: Frame, stamp: Time) -> None:
        """Publish a colour frame (h, w, 3)."""
        self._image.publish(to_image(frame, stamp, "camera_optical"))
        self._info.publish(to_camera_info(self._camera, stamp))
        if self._jpeg and self._jpeg.get_subscription_count():
            self._jpeg.publish(to_jpeg(frame, stamp, "camera_optical"))
