"""The node `replay`: a bag's camera, shown to a stand-in for the agent."""

import math
import re

import cv2
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from deepracer_ros.bag_types import definition
from deepracer_ros.messages import (
    AckermannDriveStamped,
    read_image,
    to_drive,
    to_image,
    to_jpeg,
    to_nanoseconds,
    to_time,
)
from deepracer_ros.topics import COMMAND, NEWEST

COUNT = 30
PERIOD = 10**9 // 15  # ns
START = 1_700_000_000 * 10**9  # ns, by the recorder's clock; the stamps begin at 0
TYPES = {
    "raw": ("camera/image_raw", "sensor_msgs/msg/Image"),
    "jpeg": ("camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    "drive": ("drive", "ackermann_msgs/msg/AckermannDriveStamped"),
}


def recorded_steering(k):
    return 0.3 * math.sin(0.3 * k)


def image(kind, k):
    frame = np.full((120, 160, 3), (8 * k, 100, 200), np.uint8)  # the red says which
    return (to_image if kind == "raw" else to_jpeg)(frame, to_time(k * PERIOD), "camera_optical")


@pytest.fixture
def bag(tmp_path):
    """A function that writes tmp_path/bag: images of a kind, and commands that answer them."""

    def write(kinds=("raw", "drive"), namespace="", count=COUNT, first=0):
        with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            add = {}
            for kind in kinds:
                topic, name = TYPES[kind]
                add[kind] = writer.add_connection(
                    f"{namespace}/{topic}", name, msgdef=definition(name), rihs01="RIHS01_0"
                )
            for k in range(first, count):
                for kind, connection in add.items():
                    if kind == "drive":
                        message = to_drive(recorded_steering(k), 1.0, to_time(k * PERIOD))
                    else:
                        message = image(kind, k)
                    data = serialize_message(message)
                    writer.write(connection, START + k * PERIOD, data)

    return write


@pytest.fixture
def agent(peer):
    """A stand-in that steers 0.1 rad further left than was recorded; it sees by the red.

    As the agent does while it is blind, it sends stop commands, stamped with its clock.
    """
    drive = peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)
    seen = []

    def answer(message):
        red = read_image(message)[0, 0, 0]
        k = round(float(red) / 8)
        seen.append(k)
        if k != 7:
            drive.publish(to_drive(recorded_steering(k) + 0.1, 1.5, message.header.stamp))

    def stop(message):
        drive.publish(to_drive(0.0, 0.0, message.clock))

    peer.node.create_subscription(Clock, "/clock", stop, 10)
    peer.node.create_subscription(Image, "camera/image_raw", answer, NEWEST)
    return seen


def run(peer, node):
    peer.spin_until(lambda: node.poll() is not None)
    return node.wait()


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
@pytest.mark.parametrize("namespace", ["", "/car_3"])
def test_the_agent_is_shown_beside_what_was_done(
    peer, agent, bag, start, tmp_path, kind, namespace
):
    clock = peer.listen(Clock, "/clock")
    bag(kinds=(kind, "drive"), namespace=namespace)
    node = start("replay_node", bag="bag")
    assert run(peer, node) == 0, node.output
    assert sorted(set(agent)) == list(range(COUNT))
    lines = dict(line.rsplit("  ", 1) for line in node.output.splitlines() if "  " in line)
    found = {name.strip(): value.strip() for name, value in lines.items()}
    assert found["images"] == "30"
    assert found["unanswered"] == "1"
    assert found["compared with what was done"] == "29"
    assert found["steering, mean difference"] == "5.73 deg"
    assert found["steering, correlation"] == "1.000"
    assert found["steering within 5 deg"] == "0 %"
    assert found["speed, mean difference"] == "0.50 m/s"
    picture = cv2.imread(str(tmp_path / "replay.png"))
    assert picture.shape[1] > picture.shape[0] > 300
    stamps = [to_nanoseconds(message.clock) for message in clock]
    assert stamps[-1] // PERIOD == COUNT - 1  # the agent's clock is that of the images


def test_without_commands_the_agent_is_shown_alone(peer, agent, bag, start, tmp_path):
    bag(kinds=("raw",))
    node = start("replay_node", bag="bag", out="plots/alone")
    assert run(peer, node) == 0, node.output
    assert "no commands" in node.output
    assert "steering" not in node.output
    assert (tmp_path / "plots" / "alone.png").exists()


def test_a_bag_that_is_cut_short_is_shown_as_far_as_it_goes(peer, agent, bag, start, tmp_path):
    bag()
    file = tmp_path / "bag" / "bag.mcap"
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 3 // 4)
    node = start("replay_node", bag="bag")
    assert run(peer, node) == 0, node.output
    assert "no end" in node.output
    assert (tmp_path / "replay.png").exists()


def test_a_first_image_that_nobody_answers_costs_that_image_alone(peer, agent, bag, start):
    bag(first=7)
    hasten = "import deepracer_agent.replay_node as node; node._FIRST_PATIENCE = 10.0"
    node = start("replay_node", bag="bag", before=hasten)
    assert run(peer, node) == 0, node.output
    assert sorted(set(agent)) == list(range(7, COUNT))
    assert re.search(r"unanswered +1\n", node.output)


@pytest.mark.parametrize("count", [3, COUNT])
def test_images_that_nobody_ever_answers_are_given_up(peer, bag, start, count):
    images = peer.listen(Image, "camera/image_raw", NEWEST)
    bag(count=count)
    hasten = (
        "import deepracer_agent.replay_node as node; node._FIRST_PATIENCE = 5.0; "
        "node._PATIENCE = 0.2"
    )
    node = start("replay_node", bag="bag", before=hasten)
    assert run(peer, node) == 1
    assert "Nobody answers the images on /camera/image_raw on /drive." in node.output
    assert "takes it 160x120 rgb8?" in node.output
    assert len({to_nanoseconds(image.header.stamp) for image in images}) <= min(count, 10)


@pytest.mark.parametrize(
    ("kinds", "count", "words"),
    [
        (("drive",), COUNT, "no camera images"),
        (("raw",), 0, "no images on /camera/image_raw"),
    ],
)
def test_a_bag_without_images_is_told(peer, bag, start, kinds, count, words):
    bag(kinds, count=count)
    node = start("replay_node", bag="bag")
    assert run(peer, node) == 1
    assert words in node.output
    assert "Traceback" not in node.output


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_no_bag_is_told(start, name):
    node = start("replay_node", **({"bag": name} if name else {}))
    assert node.wait() == 1
    assert (f"There is no bag at {name}" if name else "No bag is named") in node.output


def test_it_ends_when_it_is_asked_to(peer, bag, start):
    """No agent is there, so it waits."""
    bag()
    images = peer.listen(Image, "camera/image_raw", NEWEST)
    node = start("replay_node", bag="bag")
    peer.spin_until(lambda: images)
    assert node.stop() == 0
    assert "Traceback" not in node.output
