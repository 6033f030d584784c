"""World files for current Gazebo, the bridge's configuration and what the car is told: no Gazebo.

Debian has no gz sim, but the parser of its world files: with libsdformat installed they are read
by it, too.
"""

import ctypes
import math
from contextlib import suppress
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepracer_cli.gazebo import Flavors
from deepracer_cli.gazebo import world as write_command
from deepracer_sim.camera import load_camera
from deepracer_sim.car import DT, load_car
from deepracer_sim.files import share_directory
from deepracer_sim.gazebo.gz import gz_flavor
from deepracer_sim.gazebo.sdf import write_world
from deepracer_sim.gazebo.wheels import joint_targets
from deepracer_sim.track_files import load_track

TRACK = load_track("oval")
CAR, CAMERA = load_car("deepracer"), load_camera("deepracer_lens")
SYSTEM = "gz::sim::systems::"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gz")
    return write_world(TRACK, CAR, CAMERA, folder, gz_flavor(CAR))


@pytest.fixture(scope="module")
def world(path):
    return ElementTree.parse(path).getroot().find("world")


@pytest.fixture(scope="module")
def car(world):
    return world.find("model[@name='car']")


def systems(element, name):
    return [plugin for plugin in element.findall("plugin") if plugin.get("name") == SYSTEM + name]


def number(element, path):
    return float(element.findtext(path))


def topics():
    """The bridge's topics: types in ROS and Gazebo, and the direction, by name."""
    bridge = yaml.safe_load((share_directory() / "config" / "gz_bridge.yaml").read_text())
    keys = "ros_type_name", "gz_type_name", "direction"
    assert all(set(entry) == {"topic_name", *keys} for entry in bridge)
    return {entry["topic_name"]: tuple(entry[key] for key in keys) for entry in bridge}


def test_it_holds_nothing_of_gazebo_11(path, world):
    assert "lockstep" not in path.read_text()
    assert world.find(".//script") is None
    assert {file.name for file in path.parent.rglob("*.*")} == {"track.sdf", "floor.png"}


def test_the_world_names_its_systems(world):
    for name in ("Physics", "Sensors", "SceneBroadcaster", "UserCommands"):
        assert len(systems(world, name)) == 1
    assert systems(world, "Sensors")[0].findtext("render_engine") == "ogre2"


def test_the_floor_shows_the_drawing_beside_the_file(path, world):
    drawing = world.findtext("model[@name='track']/link/visual/material/pbr/metal/emissive_map")
    assert (path.parent / drawing).is_file()


def test_the_camera_is_the_preset_on_our_topics(car):
    sensor = car.find("link/sensor")
    assert number(sensor, "update_rate") == pytest.approx(1 / DT)
    assert (number(sensor, "camera/image/width"), number(sensor, "camera/image/height")) == (
        CAMERA.width,
        CAMERA.height,
    )
    assert number(sensor, "camera/horizontal_fov") == pytest.approx(CAMERA.horizontal_fov)
    assert sensor.findtext("camera/optical_frame_id") == "camera_optical"
    assert sensor.findtext("topic") == "camera/image_raw"


def test_the_systems_of_the_car_name_joints_that_it_has(car):
    joints = {joint.get("name") for joint in car.findall("joint")}
    named = {
        element.text
        for plugin in car.findall("plugin")
        for element in plugin
        if element.tag.endswith("joint") or element.tag == "joint_name"
    }
    assert named == {f"front_{s}_steering" for s in ("left", "right")} | {
        f"rear_{s}_wheel" for s in ("left", "right")
    }
    assert named <= joints


def test_each_topic_of_the_bridge_has_its_end_in_the_world(car):
    ends = {
        element.text for element in car.iter() if element.tag in ("topic", "odom_topic", "tf_topic")
    }
    # Gazebo publishes these two unasked; the second beside the image.
    assert ends | {"/clock", "camera/camera_info"} == set(topics())


def test_the_bridge_carries_commands_in_and_all_else_out():
    doubles = ("std_msgs/msg/Float64", "gz.msgs.Double", "ROS_TO_GZ")
    commands = {name for name, kind in topics().items() if kind == doubles}
    wheels = {f"joints/{side}_wheel_speed" for side in ("left", "right")}
    assert commands == {"joints/steering_angle"} | wheels
    assert {kind[2] for name, kind in topics().items() if name not in commands} == {"GZ_TO_ROS"}
    assert topics()["tf"][:2] == ("tf2_msgs/msg/TFMessage", "gz.msgs.Pose_V")


def test_the_steering_lags_as_the_profile_says(car):
    (steering,) = systems(car, "AckermannSteering")
    assert 1 / number(steering, "steer_p_gain") == pytest.approx(CAR.steering_lag)
    assert number(steering, "steering_limit") == pytest.approx(CAR.max_steering_angle)
    assert number(steering, "wheel_base") == pytest.approx(CAR.wheelbase)
    assert number(steering, "wheel_separation") == pytest.approx(CAR.track_width)


@pytest.mark.parametrize("profile", ["aws_sim", "deepracer"])
@given(wanted=st.floats(-4, 4), speed=st.floats(-4, 4))
def test_the_motor_is_that_of_the_embedded_car(profile, wanted, speed):
    car = load_car(profile)
    plugins = ElementTree.fromstring(f"<car>{gz_flavor(car).car}</car>")
    motors = systems(plugins, "JointController")
    assert len(motors) == 2
    torque = 0.0
    for motor in motors:
        lacking = (wanted - speed) / car.wheel_radius
        most = number(motor, "cmd_max")
        assert number(motor, "cmd_min") == -most
        torque += min(max(number(motor, "p_gain") * lacking, -most), most)
    mass = car.mass * (1 + 4 * 0.04 / 2)  # four wheels of 0.04, solid: half their mass turns
    limit = car.max_acceleration
    expected = min(max((wanted - speed) / car.speed_lag, -limit), limit)
    assert torque / car.wheel_radius / mass == pytest.approx(expected, abs=1e-6)


@given(st.floats(-2, 2), st.floats(-20, 20), st.floats(-5, 5))
def test_a_command_is_clipped_and_reaches_the_wheels(steering_angle, speed, yaw_rate):
    car = load_car("aws_sim")
    angle, left, right = joint_targets(car, steering_angle, speed, yaw_rate)
    largest = math.radians(30)
    wanted = min(max(steering_angle, -largest), largest)
    assert angle == pytest.approx(car.steering_gain * wanted)
    # Both wheels roll without slip on a car that drives and turns so.
    speeds = [wheel * car.wheel_radius for wheel in (left, right)]
    assert sum(speeds) / 2 == pytest.approx(min(max(speed, -4.0), 4.0), abs=1e-9)
    assert speeds[1] - speeds[0] == pytest.approx(yaw_rate * car.track_width, abs=1e-9)


def test_the_command_writes_it(tmp_path, capsys):
    write_command("chicane", tmp_path, Flavors.GZ, "aws_sim", "deepracer_lens")
    assert f"gz sim {tmp_path / 'track.sdf'}" in capsys.readouterr().out
    world = ElementTree.parse(tmp_path / "track.sdf")
    fov = float(world.find(".//horizontal_fov").text)
    assert fov == pytest.approx(CAMERA.horizontal_fov)


def parser():
    """The check of libsdformat, which returns 0 for a good file; None where it is not installed."""
    for version in range(12, 20):
        with suppress(OSError, AttributeError):
            return ctypes.CDLL(f"libsdformat{version}.so.{version}").cmdCheck
    return None


@pytest.mark.skipif(parser() is None, reason="libsdformat (Debian: libsdformat12-12) is not there")
@pytest.mark.parametrize("profile", ["aws_sim", "deepracer"])
def test_the_parser_of_gazebo_accepts_it_without_a_word(profile, tmp_path, capfd):
    car = load_car(profile)
    file = write_world(TRACK, car, CAMERA, tmp_path, gz_flavor(car))
    assert parser()(bytes(file)) == 0
    assert capfd.readouterr() == ("Valid.\n", "")
    file.write_text(file.read_text().replace("<child>rear_left_wheel_link</child>", ""))
    assert parser()(bytes(file)) != 0
