"""The node `car` of a world in current Gazebo (gz sim): obeys `drive`, describes the car.

The bridge of ros_gz does not know ackermann_msgs, so commands pass it as plain numbers, one for
each joint. Odometry and transforms come from Gazebo.
"""

import math

from nav_msgs.msg import Odometry
from rclpy.node import Node
from std_msgs.msg import Float64, String

from deepracer_ros.messages import AckermannDriveStamped, TFMessage, read_drive, to_time
from deepracer_ros.parameters import parameter
from deepracer_ros.process import spin
from deepracer_ros.topics import COMMAND, LATCHED, NEWEST
from deepracer_sim.camera import load_camera
from deepracer_sim.car import load_car
from deepracer_sim.gazebo.wheels import joint_targets
from deepracer_sim.ros_messages import static_transforms
from deepracer_sim.urdf import car_urdf

_JOINTS = ("steering_angle", "left_wheel_speed", "right_wheel_speed")
_PATIENCE = 0.2  # s of the node's clock without a command until the car is told to stop


class GzCarNode(Node):
    """Turns each command into targets of the joints, and stops the car while none come."""

    def __init__(self) -> None:
        """Publish what does not change. Raises UserError where a parameter is not good."""
        super().__init__("car")
        self._car = load_car(parameter(self, "car", "aws_sim", "Car profile of the world file."))
        preset = parameter(self, "camera", "aws_sim", "Camera preset of the world file.")
        camera = load_camera(preset)
        self._yaw_rate = 0.0  # rad/s
        self._joints = [self.create_publisher(Float64, f"joints/{n}", COMMAND) for n in _JOINTS]
        self._static = self.create_publisher(TFMessage, "tf_static", LATCHED)
        self._static.publish(TFMessage(transforms=static_transforms(camera, to_time(0))))
        self._description = self.create_publisher(String, "robot_description", LATCHED)
        self._description.publish(String(data=car_urdf(self._car, camera)))
        self.create_subscription(Odometry, "odom", self._feel, NEWEST)
        self.create_subscription(AckermannDriveStamped, "drive", self._obey, COMMAND)
        self._watch = self.create_timer(_PATIENCE, lambda: self._tell(0.0, 0.0))

    def _feel(self, message: Odometry) -> None:
        rate = message.twist.twist.angular.z
        self._yaw_rate = rate if math.isfinite(rate) else 0.0

    def _obey(self, message: AckermannDriveStamped) -> None:
        try:
            self._tell(*read_drive(message))
            self._watch.reset()
        except ValueError as error:
            self.get_logger().warning(f"Refused: {error}", throttle_duration_sec=5.0)

    def _tell(self, steering_angle: float, speed: float) -> None:
        targets = joint_targets(self._car, steering_angle, speed, self._yaw_rate)
        for publisher, target in zip(self._joints, targets, strict=True):
            publisher.publish(Float64(data=target))


def main() -> None:
    """Obey until the process is asked to end."""
    spin(GzCarNode)
