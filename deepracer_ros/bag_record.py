"""Bags, written: what is published, as it comes."""

import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os.path import exists
from pathlib import Path
from typing import Any, Literal, NamedTuple

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer

from deepracer_ros.bag_qos import to_recorded, to_request
from deepracer_ros.bag_types import definition, full_names, message_class
from deepracer_ros.process import started
from deepracer_sim.errors import UserError

_VERSION = 8  # of the metadata: ROS 2 Humble cannot read 9, and all up to Kilted read 8
_LEFT_OUT = ("/rosout", "/parameter_events")
_SEARCH_PERIOD = 0.2  # s, for new topics
_SAVE_PERIOD = 1.0  # s: what is lost at most when the process is killed


class Recorded(NamedTuple):
    """How much was recorded, of which topics."""

    messages: int
    topics: list[str]


def record(out: Path, topics: Sequence[str], storage: Literal["mcap", "sqlite3"]) -> Recorded:
    """Record some topics, or all, into a new folder until Ctrl-C or SIGTERM.

    Raises UserError where the folder exists already, or cannot be written to, or where one is no
    name of a topic; no folder is made then.
    """
    if exists(out):  # no error for a name that no file can have: the writer tells
        raise UserError(f"{out} exists already. Give the bag another name: --out")
    # A message is written whole: Ctrl-C ends the spinning below, and breaks into nothing.
    signal.signal(signal.SIGINT, lambda *_: None)
    with _disk_faults(out), started([]):
        writer = Writer(out, version=_VERSION, storage_plugin=StoragePlugin[storage.upper()])
        recorder = Recorder(writer, topics)  # first: what it refuses leaves no folder behind
        # The end of spinning is suppressed first: so the writer makes the bag complete.
        with writer, suppress(ExternalShutdownException):
            rclpy.spin(recorder)
    names = sorted(connection.topic for connection in writer.connections)
    return Recorded(sum(writer.counts.values()), names)


class Recorder(Node):
    """Subscribes to topics when they appear and writes what comes."""

    def __init__(self, writer: Writer, topics: Sequence[str]) -> None:
        """Record some topics, named absolutely or relative to the node's namespace, or all."""
        super().__init__("bag_recorder", enable_rosout=False, start_parameter_services=False)
        self._writer = writer
        self._wanted = full_names(self, topics)
        self._known = set(_LEFT_OUT) - self._wanted
        self.create_timer(_SEARCH_PERIOD, self._search)
        self.create_timer(_SAVE_PERIOD, self._save)

    def _search(self) -> None:
        for topic, types in self.get_topic_names_and_types():
            if topic not in self._known and self._is_wanted(topic):
                publishers = self.get_publishers_info_by_topic(topic)
                if publishers:
                    self._known.add(topic)
                    self._subscribe(topic, types, publishers)

    def _is_wanted(self, topic: str) -> bool:
        if self._wanted:
            return topic in self._wanted
        return not any(part.startswith("_") for part in topic.split("/"))  # hidden, by ROS's rules

    def _subscribe(self, topic: str, types: list[str], publishers: list[TopicEndpointInfo]) -> None:
        if len(types) > 1:
            self.get_logger().warning(f"Not recorded: {topic}, it has the types {types}.")
            return
        try:
            kind, connection = message_class(types[0]), self._connect(topic, types[0], publishers)
        except LookupError as error:
            self.get_logger().warning(f"Not recorded: {topic}, {error} is not installed here.")
            return
        write = self._writer.write

        def keep(message: bytes, info: dict[str, Any]) -> None:
            write(connection, info["received_timestamp"] or time.time_ns(), message)

        qos = to_request([publisher.qos_profile for publisher in publishers])
        self.create_subscription(kind, topic, keep, qos, raw=True)
        self.get_logger().info(f"Recording {topic}")

    def _connect(self, topic: str, kind: str, publishers: list[TopicEndpointInfo]) -> Connection:
        return self._writer.add_connection(
            topic,
            kind,
            msgdef=definition(kind),
            rihs01=str(publishers[0].topic_type_hash),
            offered_qos_profiles=[to_recorded(publisher.qos_profile) for publisher in publishers],
        )

    def _save(self) -> None:
        storage = self._writer.storage
        if isinstance(storage, McapWriter) and storage.chunk.msgs:
            storage.close_chunk()
            storage.bio.flush()
        elif isinstance(storage, Sqlite3Writer):
            storage.conn.commit()


@contextmanager
def _disk_faults(out: Path) -> Iterator[None]:
    """Raise UserError for what a disk may refuse."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        rest = f" What came before is kept: deepracer bag info {out}" if exists(out) else ""
        raise UserError(f"Cannot write {out}: {reason}.{rest}") from error
