"""Bags as other recorders leave them: compressed, split, all at one time."""

import shutil

import pytest
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from typer.testing import CliRunner

from deepracer_cli.bag import app
from deepracer_ros.bag import open_bag
from deepracer_sim.errors import UserError

COUNT = 20
BEGIN = 10**18


def write(folder, begin=BEGIN, step=10**8, storage="mcap", compressed=False):
    writer = Writer(folder, version=8, storage_plugin=StoragePlugin[storage.upper()])
    if compressed:
        writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(
            "/blob", "std_msgs/msg/String", msgdef="string data\n", rihs01="RIHS01_0"
        )
        for k in range(COUNT):
            writer.write(connection, begin + k * step, bytes([k]))
    return folder


def read(folder):
    """Read a bag to its end; return the messages and the faults that were told."""
    with open_bag(folder) as opened:
        return [message.data[0] for message in opened.messages()], opened.faults


def info(folder):
    return CliRunner().invoke(app, ["info", str(folder)], env={"COLUMNS": "120"})


@pytest.fixture(params=["mcap", "sqlite3"])
def compressed(request, tmp_path):
    """A bag as `ros2 bag record --compression-mode file --compression-format zstd` makes it."""
    return write(tmp_path / "bag", storage=request.param, compressed=True)


@pytest.fixture
def split(tmp_path):
    """A bag of two files with one metadata; they follow each other in time."""
    folder, other = write(tmp_path / "a"), write(tmp_path / "b", begin=2 * BEGIN)
    shutil.move(other / "b.mcap", folder)
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    metadata["rosbag2_bagfile_information"]["relative_file_paths"].append("b.mcap")
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return folder


def test_messages_that_share_one_time_have_no_rate(tmp_path):
    result = info(write(tmp_path / "bag", step=0))
    assert result.exit_code == 0
    assert f"{COUNT} messages" in result.output
    assert "Hz" not in result.output


def test_files_that_are_compressed_are_read(compressed):
    assert [file.suffix for file in compressed.iterdir() if file.suffix != ".yaml"] == [".zstd"]
    assert read(compressed) == (list(range(COUNT)), [])
    result = info(compressed)
    assert result.exit_code == 0
    assert "10.5 Hz" in result.output
    assert result.output.rstrip().endswith(("mcap", "sqlite3"))


def test_how_to_read_compressed_files_without_metadata_is_told(compressed):
    (compressed / "metadata.yaml").unlink()
    (file,) = compressed.iterdir()
    for path in (file, compressed):
        with pytest.raises(UserError, match=f"Try: zstd -d {file} -o {file.with_suffix('')}$"):
            read(path)


@pytest.mark.parametrize("broken", ["a.mcap", "b.mcap"])
@pytest.mark.parametrize("content", [b"", b"no bag" * 100])
def test_of_a_split_bag_the_files_that_are_whole_are_read(split, broken, content):
    assert read(split) == (2 * list(range(COUNT)), [])
    (split / broken).write_bytes(content)
    messages, (fault,) = read(split)
    assert messages == list(range(COUNT))
    assert f"{broken} cannot be read" in fault
    result = info(split)
    assert result.exit_code == 0
    assert "Warning" in result.output


def test_of_a_split_bag_without_a_whole_file_the_first_fault_is_told(split):
    for name in ("a.mcap", "b.mcap"):
        (split / name).write_bytes(b"")
    with pytest.raises(UserError, match="a.mcap cannot be read"):
        read(split)
