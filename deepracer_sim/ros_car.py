"""The car and its camera as nodes of their own: what one car shows on the standard topics."""

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rclpy.node import Node
from std_msgs.msg import String

from deepracer_ros.camera_topics import CameraTopics
from deepracer_ros.messages import TFMessage
from deepracer_ros.topics import LATCHED
from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters, CarStates
from deepracer_sim.ros_messages import static_transforms, to_odometry, to_transform
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
        self.topics = CameraTopics(self, camera.focal_length, compressed)
