"""The car's node for current Gazebo as a real process, Gazebo's side played by the test."""

import math

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from std_msgs.msg import Float64, String

from deepracer_ros.messages import AckermannDriveStamped, TFMessage, to_drive, to_time
from deepracer_ros.topics import COMMAND, LATCHED
from deepracer_sim.car import load_car
from deepracer_sim.gazebo.wheels import joint_targets

JOINTS = ("steering_angle", "left_wheel_speed", "right_wheel_speed")
CAR = load_car("deepracer")  # commanded 0.25 rad and 1.5 m/s: exact in single precision


@pytest.fixture
def node(start):
    return start("gz_car_node", car="deepracer", camera="deepracer_lens")


@pytest.fixture
def joints(peer, node):
    """What the joints were told last."""
    told = {}
    for name in JOINTS:
        peer.node.create_subscription(
            Float64,
            f"joints/{name}",
            lambda message, name=name: told.update({name: message.data}),
            10,
        )
    return lambda: tuple(told.get(name, math.nan) for name in JOINTS)


@pytest.fixture
def drive(peer):
    """A function that commands the car until a condition holds."""
    publisher = peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)

    def drive(angle, speed, condition):
        def asked():
            publisher.publish(to_drive(angle, speed, to_time(0)))
            return condition()

        peer.spin_until(asked)

    return drive


def test_a_command_reaches_the_joints_and_silence_stops_them(peer, joints, drive):
    wanted = joint_targets(CAR, 0.25, 1.5, 0.0)
    drive(0.25, 1.5, lambda: joints() == wanted)
    peer.spin_until(lambda: joints() == (0.0, 0.0, 0.0))


def test_wheels_turn_as_the_car_turns(peer, joints, drive):
    odometry = peer.node.create_publisher(Odometry, "odom", 10)
    motion = Odometry()
    motion.twist.twist.angular.z = 2.0
    wanted = joint_targets(CAR, 0.25, 1.5, 2.0)

    def turned():
        odometry.publish(motion)
        return joints() == wanted

    drive(0.25, 1.5, turned)


def test_a_command_that_is_no_number_is_refused(joints, drive, node):
    drive(math.nan, 1.0, lambda: "not finite" in node.output)
    assert not any(speed > 0 for speed in joints())


def test_it_tells_what_the_car_looks_like(peer, node):
    transforms = peer.listen(TFMessage, "tf_static", LATCHED)
    description = peer.listen(String, "robot_description", LATCHED)
    peer.spin_until(lambda: transforms and description)
    frames = [transform.child_frame_id for transform in transforms[0].transforms]
    assert frames == ["odom", "camera_link", "camera_optical"]
    assert "<robot" in description[0].data


def test_an_unknown_profile_is_refused(start):
    process = start("gz_car_node", car="truck")
    assert process.wait() == 1
    assert "truck" in process.output
