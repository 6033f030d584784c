"""`deepracer bag`: whole bags and damaged ones, without ROS."""

import re
import shutil
import sqlite3
import subprocess
import sys

import pytest
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from typer.testing import CliRunner

from deepracer_cli.bag import app
from deepracer_ros.bag import open_bag
from deepracer_sim.errors import UserError

NEVER = QosTime(9223372036, 854775807)
QOS = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    NEVER,
    NEVER,
    QosLiveliness.AUTOMATIC,
    NEVER,
    False,
)
COUNT = 400
SIZE = 10_000  # bytes of a message: a megabyte, MCAP's chunk, is reached three times


def bag(*arguments):
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


def write(folder, count=COUNT, storage="mcap"):
    plugin = StoragePlugin[storage.upper()]
    with Writer(folder, version=8, storage_plugin=plugin) as writer:
        connection = writer.add_connection(
            "/blob", "std_msgs/msg/String", msgdef="string data\n", rihs01="RIHS01_0",
            offered_qos_profiles=[QOS],
        )  # fmt: skip
        for k in range(count):
            writer.write(connection, 10**18 + k * 10**8, bytes([k % 256]) * SIZE)
    return folder


@pytest.fixture(scope="module", params=["mcap", "sqlite3"])
def whole(request, tmp_path_factory):
    return write(tmp_path_factory.mktemp("bags") / "whole", storage=request.param)


@pytest.fixture
def mcap(tmp_path):
    return write(tmp_path / "bag")


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def read(folder):
    """Read a bag to its end; return the number of messages and the faults that were told."""
    with open_bag(folder) as opened:
        messages = list(opened.messages())
        assert [message.time for message in messages] == sorted(m.time for m in messages)
        assert all(len(message.data) == SIZE for message in messages)
        assert opened.count == len(messages)
        return len(messages), opened.faults


def test_info_says_what_was_recorded(whole):
    result = bag("info", str(whole))
    assert result.exit_code == 0
    for words in ("/blob", "std_msgs/msg/String", "400", "10.0 Hz", "39.9 s", "MB"):
        assert words in result.output
    assert re.search("mcap|sqlite3", result.output)
    assert "Warning" not in result.output


def test_what_was_written_is_read(whole):
    with open_bag(whole) as opened:
        assert [message.data[0] for message in opened.messages()] == [k % 256 for k in range(COUNT)]
        assert list(opened.messages(["/nothing"])) == []
        (topic,) = opened.topics
        assert list(topic.qos) == [QOS]
        assert opened.start == 10**18


def test_an_empty_bag_is_one_too(tmp_path):
    folder = write(tmp_path / "empty", count=0)
    assert read(folder) == (0, [])
    assert bag("info", str(folder)).exit_code == 0


def test_without_its_metadata_a_bag_is_read_all_the_same(copy):
    (copy / "metadata.yaml").unlink()
    count, (fault,) = read(copy)
    assert count == COUNT
    assert "metadata.yaml is missing" in fault
    result = bag("info", str(copy))
    assert result.exit_code == 0
    assert "Warning" in result.output


@pytest.mark.parametrize(
    "text", ["", "a: [", "a: 1", "[]", "rosbag2_bagfile_information: {version: 9}"]
)
def test_with_damaged_metadata_too(copy, text):
    (copy / "metadata.yaml").write_text(text)
    count, (fault,) = read(copy)
    assert count == COUNT
    assert "metadata.yaml" in fault


def test_one_storage_file_will_do(whole):
    (file,) = (path for path in whole.iterdir() if path.suffix != ".yaml")
    assert read(file) == (COUNT, [])


@pytest.mark.parametrize("share", [0.999, 0.5])
def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(mcap, share):
    file = mcap / "bag.mcap"
    size = int(share * file.stat().st_size)
    with file.open("r+b") as opened:
        opened.truncate(size)
    count, (fault,) = read(mcap)
    assert share * COUNT - 120 < count <= COUNT  # without the chunk that was cut
    assert "no end" in fault


def test_so_is_one_whose_end_a_power_cut_left_as_zeros(mcap):
    file = mcap / "bag.mcap"
    data = file.read_bytes()
    half = len(data) // 2
    file.write_bytes(data[:half] + bytes(len(data) - half))
    count, (fault,) = read(mcap)
    assert COUNT / 2 - 120 < count <= COUNT / 2 + 1
    assert "no end" in fault


def test_a_database_that_was_cut_short_is_told(tmp_path):
    folder = write(tmp_path / "bag", storage="sqlite3")
    with (folder / "bag.db3").open("r+b") as opened:
        opened.truncate(2_000_000)
    result = bag("info", str(folder))
    assert isinstance(result.exception, UserError)
    assert "malformed" in str(result.exception)
    assert ".recover" in str(result.exception)


def test_a_database_whose_recorder_was_killed_is_read_as_far_as_it_was_saved(tmp_path):
    folder = write(tmp_path / "bag", storage="sqlite3")
    (folder / "metadata.yaml").unlink()
    file = folder / "bag.db3"
    database = sqlite3.connect(file)
    database.execute("PRAGMA cache_size = 1")  # so that what is not saved yet is on the disk
    database.execute(
        "INSERT INTO messages SELECT id + 1000, topic_id, timestamp, data FROM messages"
    )
    shutil.copytree(folder, tmp_path / "killed")
    database.close()
    assert (tmp_path / "killed" / "bag.db3-journal").exists()
    assert read(tmp_path / "killed")[0] == COUNT


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n", b"no bag" * 100])
@pytest.mark.parametrize("ending", [".mcap", ".db3"])
def test_a_file_that_is_no_bag_at_all_is_told(tmp_path, content, ending):
    file = tmp_path / f"some{ending}"
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)


def test_a_damaged_message_ends_the_reading_with_a_word(mcap):
    file = mcap / "bag.mcap"
    data = bytearray(file.read_bytes())
    place = data.index(b"\x05" + (SIZE + 22).to_bytes(8, "little"), 2_000_000)
    data[place + 1 : place + 9] = b"\xff" * 8
    file.write_bytes(data)
    with pytest.raises(UserError, match="is damaged"):
        read(mcap)


def test_a_folder_without_a_bag_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        result = bag("info", str(path))
        assert result.exit_code == 1
        assert isinstance(result.exception, UserError)
        assert str(path) in str(result.exception)


def test_a_bag_that_cannot_have_its_name_is_told():
    pytest.importorskip("rclpy")
    command = [sys.executable, "-m", "deepracer_cli.main", "bag", "record", "--out", "x" * 300]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert shown.stderr.endswith("xxx: File name too long.\n")
    assert shown.stderr.startswith("Error: Cannot write xxx")
