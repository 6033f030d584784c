"""Bags, read: rosbag2 folders, as `ros2 bag` and `deepracer bag` write them. Needs no ROS.

A bag that lacks its metadata, or whose recording was broken off, is read as far as it goes.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from rosbags.interfaces import Connection, ConnectionExtRosbag2, Qos
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.metadata import ReaderMetadata

from deepracer_ros.bag_mend import CutMcapReader
from deepracer_sim.errors import UserError

METADATA = "metadata.yaml"
_STORAGES = {".mcap": "mcap", ".db3": "sqlite3"}  # by the file's ending
_COMPRESSED = ".zstd"  # comes behind that; rosbags decompresses what the metadata names


class Topic(NamedTuple):
    """What a bag holds of one topic, and how each of its publishers offered it."""

    name: str
    type: str
    messages: int
    qos: Sequence[Qos]


class Message(NamedTuple):
    """One recorded message: serialized as it was received, at a time in ns since 1970."""

    topic: str
    type: str
    time: int
    data: bytes


class Storage(Protocol):
    """What rosbags' readers have in common."""

    connections: list[Connection]
    metadata: ReaderMetadata

    def open(self) -> None:
        """Read what the file says of itself."""

    def messages(
        self, connections: Collection[Connection], start: int | None, stop: int | None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Yield the messages of some connections, in the order of time."""

    def close(self) -> None:
        """Give back the file."""


class Bag:
    """A bag that is open for reading."""

    def __init__(self, path: Path, files: list[Path], storages: list[Storage], faults: list[str]):
        """Take the storages of a bag in the order of time, and what was wrong with them."""
        self.path = path
        self.faults = faults
        self.storage = _format(files[0])
        self.size = sum(file.stat().st_size for file in files)  # bytes
        self._storages = storages

    @property
    def topics(self) -> list[Topic]:
        """The topics by name."""
        counts: dict[tuple[str, str], Topic] = {}
        for connection in (c for storage in self._storages for c in storage.connections):
            name, kind = connection.topic, connection.msgtype
            before = counts[name, kind].messages if (name, kind) in counts else 0
            assert isinstance(connection.ext, ConnectionExtRosbag2)
            qos = connection.ext.offered_qos_profiles
            counts[name, kind] = Topic(name, kind, before + connection.msgcount, qos)
        return sorted(counts.values())

    @property
    def count(self) -> int:
        """The number of messages."""
        return sum(storage.metadata.message_count for storage in self._storages)

    @property
    def start(self) -> int:
        """The time of the first message, ns since 1970; 0 where there is none."""
        return min((m.start_time for m in self._filled()), default=0)

    @property
    def duration(self) -> float:
        """The time from the first message to the last, s."""
        end = max((m.end_time - 1 for m in self._filled()), default=0)
        return (end - self.start) / 1e9

    def messages(self, topics: Collection[str] = ()) -> Iterator[Message]:
        """Yield the messages, of all topics or of some. Raises UserError where one is damaged."""
        for storage in self._storages:
            wanted = [c for c in storage.connections if not topics or c.topic in topics]
            try:
                for connection, time, data in storage.messages(wanted, None, None):
                    yield Message(connection.topic, connection.msgtype, time, data)
            # What rosbags raises on damaged bytes is whatever the parsing of them ends in.
            except Exception as error:
                raise UserError(
                    f"The bag {self.path} is damaged; it is read up to there ({error})."
                ) from error

    def _filled(self) -> list[ReaderMetadata]:
        return [s.metadata for s in self._storages if s.metadata.message_count]


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """Open a bag: a folder, or one storage file of it.

    Raises UserError where there is none, or where nothing of it can be read.
    """
    try:
        files = sorted(p for p in (path.iterdir() if path.is_dir() else [path]) if _format(p))
        path.stat()
    except OSError as error:
        raise UserError(f"There is no bag at {path}: {error.strerror}.") from error
    if not files:
        raise UserError(f"{path} is no bag: a bag is a folder with .mcap or .db3 files in it.")
    for file in files:
        _settle(file)
    faults: list[str] = []
    with ExitStack() as stack:
        storages = _open_storages(path, files, faults)
        for storage in storages:
            stack.callback(storage.close)
        storages.sort(key=lambda storage: storage.metadata.start_time)
        yield Bag(path, files, storages, faults)


def _open_storages(path: Path, files: list[Path], faults: list[str]) -> list[Storage]:
    """Open a bag by its metadata, or else its files one by one."""
    if path.is_file():
        return [_open_file(path, faults)]
    whole: Storage
    try:
        whole = Reader(path).storage
        whole.open()
        return [whole]
    except FileNotFoundError:
        fault = f"{path / METADATA} is missing. The messages are read without it."
    except Exception as error:  # noqa: BLE001 - as in Bag.messages
        fault = f"{_first_line(error)} The messages are read without {path / METADATA}."
    storages = _open_files(files, faults)
    if not faults:  # a file that is cut short explains it
        faults.append(fault)
    return storages


def _open_files(files: list[Path], faults: list[str]) -> list[Storage]:
    """Open those files that can be. Raises UserError where none can."""
    storages, errors = [], []
    for file in files:
        try:
            storages.append(_open_file(file, faults))
        except UserError as error:
            errors.append(error)
    if not storages:
        raise errors[0]
    faults += map(str, errors)
    return storages


def _open_file(file: Path, faults: list[str]) -> Storage:
    """Open one storage file, whole or cut short. Raises UserError where that fails."""
    storage: Storage
    try:
        storage = Reader(file).storage
        storage.open()
        return storage
    except Exception as error:  # noqa: BLE001 - as in Bag.messages
        fault = error
    with suppress(Exception):  # as in Bag.messages; the first fault is the one to tell
        storage = CutMcapReader(file)
        storage.open()
        faults.append(
            f"{file} has no end: its recording was broken off, or still goes on. "
            f"Messages read: {storage.metadata.message_count:,}."
        )
        return storage
    remedies = {
        ".db3": f" Try: sqlite3 {file} .recover",
        _COMPRESSED: f" Try: zstd -d {file} -o {file.with_suffix('')}",
    }
    remedy = remedies.get(file.suffix, "")
    raise UserError(f"The bag {file} cannot be read. {_first_line(fault)}{remedy}") from fault


def _settle(file: Path) -> None:
    """Let SQLite undo, or take over, what a recorder that was killed left beside its file."""
    if any(file.with_name(file.name + ending).exists() for ending in ("-journal", "-wal")):
        with suppress(sqlite3.Error), closing(sqlite3.connect(file)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _format(file: Path) -> str:
    """The format that a file's name tells; none where it is no file of a bag."""
    return _STORAGES.get(Path(file.name.removesuffix(_COMPRESSED)).suffix, "")


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return text if text.endswith(".") else text + "."
