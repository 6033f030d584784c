"""What RViz is told to show is what the graph gives: topics, types, quality of service, frames."""

import pytest
import yaml
from nav_msgs.msg import Odometry, Path
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from deepracer_sim.files import share_directory

FRAMES = {"map", "odom", "base_link", "camera_link", "camera_optical"}
STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # as tf2 listens
SHOWN = {
    "rviz_default_plugins/Image": Image,
    "rviz_default_plugins/MarkerArray": MarkerArray,
    "rviz_default_plugins/Odometry": Odometry,
    "rviz_default_plugins/Path": Path,
    "rviz_default_plugins/RobotModel": String,
}


@pytest.fixture(scope="module")
def rviz():
    return yaml.safe_load((share_directory() / "config" / "deepracer.rviz").read_text())


def subscriptions(rviz):
    """Message type, topic and quality of service of each display that subscribes to a topic."""
    for display in rviz["Visualization Manager"]["Displays"]:
        topic = display.get("Topic") or display.get("Description Topic")
        if topic:
            yield SHOWN[display["Class"]], topic["Value"], quality(topic)


def quality(topic):
    """The quality of service that a display's topic asks for, in RViz's words."""

    def policy(kind, name):
        return kind[topic[name].upper().replace(" ", "_")]

    return QoSProfile(
        depth=topic["Depth"],
        history=policy(HistoryPolicy, "History Policy"),
        reliability=policy(ReliabilityPolicy, "Reliability Policy"),
        durability=policy(DurabilityPolicy, "Durability Policy"),
        liveliness=LivelinessPolicy.AUTOMATIC,
    )


def type_name(kind):
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def test_camera_map_with_track_car_path_and_frames_are_shown(rviz):
    manager = rviz["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "map"
    displays = manager["Displays"]
    assert {display["Class"] for display in displays} == {
        *SHOWN,
        "rviz_default_plugins/Grid",
        "rviz_default_plugins/TF",
    }
    assert all(display["Enabled"] and display["Value"] for display in displays)
    names = [display["Name"] for display in displays]
    assert len(set(names)) == len(names)


def test_the_camera_s_picture_has_its_place_in_the_window(rviz):
    state = bytes.fromhex(rviz["Window Geometry"]["QMainWindow State"])
    panes = [panel["Name"] for panel in rviz["Panels"]]
    panes += [
        display["Name"]
        for display in rviz["Visualization Manager"]["Displays"]
        if display["Class"] == "rviz_default_plugins/Image"
    ]
    assert all(name.encode("utf-16-be") in state for name in panes)


def test_a_late_rviz_is_given_everything_that_its_displays_ask_for(rviz, start, peer):
    start("world_node")
    odometry = peer.listen(Odometry, "/odom")
    peer.spin_until(lambda: odometry)  # so what is published once has been
    heard = {}
    for kind, topic, wanted in subscriptions(rviz):
        endpoints = peer.spin_until(lambda t=topic: peer.node.get_publishers_info_by_topic(t))
        assert [endpoint.topic_type for endpoint in endpoints] == [type_name(kind)], topic
        compatibility, reason = qos_check_compatible(endpoints[0].qos_profile, wanted)
        assert compatibility == QoSCompatibility.OK, f"{topic}: {reason}"
        heard[topic] = peer.listen(kind, topic, wanted)
    assert len(heard) == 5
    peer.spin_until(lambda: all(heard.values()))
    assert heard["/robot_description"][0].data.startswith("<robot")
    assert heard["/camera/image_raw"][0].header.frame_id == "camera_optical"


def test_the_frames_are_one_connected_tree_with_one_parent_each(start, peer):
    start("world_node")
    heard = [peer.listen(TFMessage, "/tf", 100), peer.listen(TFMessage, "/tf_static", STATIC)]

    def links():
        return {
            (transform.header.frame_id, transform.child_frame_id)
            for messages in heard
            for message in messages
            for transform in message.transforms
        }

    peer.spin_until(lambda: len(heard[0]) >= 5 and len(links()) >= len(FRAMES) - 1)
    assert {frame for link in links() for frame in link} == FRAMES
    children = [child for _, child in links()]
    assert sorted(children) == sorted(FRAMES - {"map"})
    parent = {child: parent for parent, child in links()}
    for frame in FRAMES:
        path = {frame}
        while frame != "map":
            frame = parent[frame]
            assert frame not in path
            path.add(frame)
    moving = {t.child_frame_id for message in heard[0] for t in message.transforms}
    assert moving == {"base_link"}
