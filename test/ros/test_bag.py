"""Bags of real topics: recorded, looked at and played by processes, byte by byte the same."""

import signal

import pytest
import yaml
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String, UInt8MultiArray

from deepracer_ros.bag import open_bag
from deepracer_ros.bag_types import definition
from deepracer_ros.messages import to_nanoseconds

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
COUNT = 50


def listen_raw(peer, kind, topic, qos):
    heard = []
    peer.node.create_subscription(kind, topic, heard.append, qos, raw=True)
    return heard


def blob(number):
    return UInt8MultiArray(data=bytes([number]) * 1000)


def write(folder, *topics):
    """Write a bag with a word, twice, on each of the topics, whatever their names."""
    with Writer(folder, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic in topics:
            connection = writer.add_connection(
                topic, "std_msgs/msg/String", msgdef="string data\n", rihs01="RIHS01_0"
            )
            for time in (10**18, 10**18 + 10**8):
                writer.write(connection, time, serialize_message(String(data="word")))


@pytest.fixture
def publish(peer):
    """A function that publishes blobs on `camera/blob`, once a subscriber is there."""
    publisher = peer.node.create_publisher(UInt8MultiArray, "camera/blob", qos_profile_sensor_data)

    def begin(numbers):
        peer.spin_until(publisher.get_subscription_count)
        for number in numbers:
            publisher.publish(blob(number))
            peer.spin_until(lambda: True)

    return begin


@pytest.fixture
def record(start, tmp_path):
    """A function that starts a recording into tmp_path/bag."""

    def begin(*arguments):
        return start("deepracer", "bag", "record", *arguments, "--out", str(tmp_path / "bag"))

    return begin


def wait_for_count(peer, folder, count):
    """Wait until a bag that is still being recorded has so many messages on the disk."""

    def saved():
        try:
            with open_bag(folder) as bag:
                return bag.count >= count
        except Exception:  # noqa: BLE001 - not begun, or in the middle of a write
            return False

    peer.spin_until(saved)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_is_played_is_what_was_recorded(peer, publish, record, start, tmp_path, storage):
    peer.node.create_publisher(String, "name", LATCHED).publish(String(data="round"))
    recorder = record("--storage", storage)
    publish(range(COUNT))
    wait_for_count(peer, tmp_path / "bag", COUNT + 1)
    assert recorder.stop() == 0
    assert f"Recorded {COUNT + 1} messages of 2 topics" in recorder.output

    with open_bag(tmp_path / "bag") as bag:
        assert not bag.faults
        assert bag.storage == storage
        recorded = [m.data for m in bag.messages(["/camera/blob"])]
        blobs, name = bag.topics
        assert (blobs.name, blobs.messages, name.name, name.messages) == (
            "/camera/blob", COUNT, "/name", 1,
        )  # fmt: skip
        assert blobs.qos[0].reliability.name == "BEST_EFFORT"
        assert name.qos[0].durability.name == "TRANSIENT_LOCAL"
    assert recorded == [serialize_message(blob(number)) for number in range(COUNT)]


def test_what_is_written_can_be_read_from_humble_on(peer, publish, record, tmp_path):
    """Metadata 9 states quality of service as a list, which Humble's reader breaks off at."""
    recorder = record()
    publish([1])
    wait_for_count(peer, tmp_path / "bag", 1)
    recorder.stop()
    metadata = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())
    bag = metadata["rosbag2_bagfile_information"]
    topic = bag["topics_with_message_count"][0]["topic_metadata"]
    offered = yaml.safe_load(topic["offered_qos_profiles"])
    assert bag["version"] == 8
    assert bag["relative_file_paths"] == ["bag.mcap"]
    assert topic["serialization_format"] == "cdr"
    assert topic["type_description_hash"] == (
        get_typestore(Stores.ROS2_KILTED).hash_rihs01("std_msgs/msg/UInt8MultiArray")
    )
    assert (offered[0]["reliability"], offered[0]["durability"]) == (2, 2)


def test_playing_keeps_bytes_quality_and_order(peer, publish, record, start, tmp_path):
    latched = peer.node.create_publisher(String, "name", LATCHED)
    latched.publish(String(data="round"))
    recorder = record()
    publish(range(COUNT))
    wait_for_count(peer, tmp_path / "bag", COUNT + 1)
    recorder.send(signal.SIGTERM)
    assert recorder.wait() == 0
    peer.node.destroy_publisher(latched)

    blobs = listen_raw(peer, UInt8MultiArray, "camera/blob", QoSProfile(
        depth=COUNT, reliability=ReliabilityPolicy.BEST_EFFORT
    ))  # fmt: skip
    player = start("deepracer", "bag", "play", "bag", "--loop", "--clock")
    ticks = peer.listen(Clock, "/clock")
    expected = [serialize_message(blob(number)) for number in range(COUNT)]

    def is_whole():
        """Whether all was heard in one go; the player need not wait for slow subscribers."""
        starts = [place for place, one in enumerate(blobs) if bytes(one) == expected[0]]
        return any(blobs[place : place + COUNT] == expected for place in starts)

    peer.spin_until(lambda: ticks and is_whole())
    late = peer.listen(String, "name", LATCHED)
    peer.spin_until(lambda: late)
    (offer,) = (
        one.qos_profile
        for one in peer.node.get_publishers_info_by_topic("/camera/blob")
        if one.node_name == "bag_player"
    )
    assert offer.reliability == ReliabilityPolicy.BEST_EFFORT
    assert player.stop() == 0
    with open_bag(tmp_path / "bag") as bag:
        elapsed = to_nanoseconds(ticks[0].clock) - bag.start
        assert 0 <= elapsed <= bag.duration * 1e9


def test_only_the_named_topics_are_recorded_and_they_may_come_late(peer, publish, record, tmp_path):
    peer.node.create_publisher(String, "name", LATCHED).publish(String(data="round"))
    recorder = record("camera/blob", "/never")
    publish([1])
    wait_for_count(peer, tmp_path / "bag", 1)
    recorder.stop()
    assert "Nobody published /never." in recorder.output
    with open_bag(tmp_path / "bag") as bag:
        assert [topic.name for topic in bag.topics] == ["/camera/blob"]


def test_a_recorder_that_was_killed_leaves_what_it_had_saved(peer, publish, record, tmp_path):
    recorder = record()
    publish(range(COUNT))
    wait_for_count(peer, tmp_path / "bag", COUNT)
    recorder.kill()
    with open_bag(tmp_path / "bag") as bag:
        assert bag.count == COUNT
        assert "no end" in bag.faults[0]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_full_disk_is_told_and_what_came_before_is_kept(
    peer, publish, record, tmp_path, storage, monkeypatch
):
    resource = pytest.importorskip("resource")
    recorder = record("camera/blob", "--storage", storage)
    publish([0])
    wait_for_count(peer, tmp_path / "bag", 1)
    resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    publish(list(range(250)))
    assert recorder.wait() == 1
    assert f"Error: Cannot write {tmp_path / 'bag'}" in recorder.output
    assert "Traceback" not in recorder.output
    with open_bag(tmp_path / "bag") as bag:
        assert 1 <= bag.count < 250
        assert len(list(bag.messages())) == bag.count


@pytest.mark.parametrize("place", ["bag", "file/bag"])
def test_a_place_that_cannot_be_written_to_is_told(start, tmp_path, place):
    (tmp_path / "bag").mkdir()
    (tmp_path / "file").write_text("")
    recorder = start("deepracer", "bag", "record", "--out", place)
    assert recorder.wait() == 1
    assert recorder.output.count("\n") == 1
    assert (
        f"{place} exists already" in recorder.output or f"Cannot write {place}" in recorder.output
    )


def test_types_that_are_not_installed_are_named(peer, publish, record, start, tmp_path):
    recorder = record()
    publish(range(3))
    wait_for_count(peer, tmp_path / "bag", 3)
    recorder.stop()
    file = tmp_path / "bag" / "metadata.yaml"
    file.unlink()
    mcap = tmp_path / "bag" / "bag.mcap"
    mcap.write_bytes(mcap.read_bytes().replace(b"std_msgs/msg/UInt8", b"sdt_msgs/msg/UInt8"))
    player = start("deepracer", "bag", "play", "bag")
    assert player.wait() == 0
    assert "Not played: /camera/blob, sdt_msgs/msg/UInt8MultiArray" in player.output


@pytest.mark.parametrize("name", ["/a b", "/{a}"])
def test_topics_that_ros_takes_under_no_such_name_are_named_and_the_rest_is_played(
    peer, start, tmp_path, name
):
    write(tmp_path / "bag", name, "/good")
    heard = peer.listen(String, "/good")
    player = start("deepracer", "bag", "play", "bag", "--loop")
    peer.spin_until(lambda: heard)
    assert player.stop() == 0
    assert heard[0].data == "word"
    assert f"Not played: {name!r} is no name of a topic" in player.output


def test_that_nothing_can_be_played_is_told(start, tmp_path):
    write(tmp_path / "bag")
    player = start("deepracer", "bag", "play", "bag", "--loop")
    assert player.wait() == 1
    assert "Error: bag has no messages to play." in player.output


@pytest.mark.parametrize("command", [("record", "--out", "new"), ("play", "bag")])
def test_what_is_no_name_of_a_topic_is_told(start, tmp_path, command):
    write(tmp_path / "bag")
    process = start("deepracer", "bag", *command, "a b")
    assert process.wait() == 1
    assert "Error: 'a b' is no name of a topic" in process.output
    assert "Traceback" not in process.output
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def test_a_topic_that_the_bag_does_not_have_is_told(peer, publish, record, start, tmp_path):
    recorder = record()
    publish([1])
    wait_for_count(peer, tmp_path / "bag", 1)
    recorder.stop()
    player = start("deepracer", "bag", "play", "bag", "drive")
    assert player.wait() == 1
    assert "bag has no /drive; its topics are: /camera/blob." in player.output


@pytest.mark.parametrize("name", ["sensor_msgs/msg/Image", "tf2_msgs/msg/TFMessage"])
def test_definitions_are_complete(name):
    """Those that rosbags knows by heart have the same hash."""
    own, *parts = definition(name).split("=" * 80 + "\n")
    store = get_typestore(Stores.EMPTY)
    types = get_types_from_msg(own, name)
    for part in parts:
        head, _, text = part.partition("\n")
        package, kind = head.removeprefix("MSG: ").split("/")
        types.update(get_types_from_msg(text, f"{package}/msg/{kind}"))
    store.register(types)
    assert store.hash_rihs01(name) == get_typestore(Stores.ROS2_KILTED).hash_rihs01(name)


def test_a_definition_that_is_not_installed_is_an_error():
    with pytest.raises(LookupError):
        definition("no_such_msgs/msg/Thing")
    with pytest.raises(LookupError):
        definition("std_msgs/msg/Thing")
