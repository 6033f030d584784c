"""Diagnostics: every node says once a second how it does."""

import re
import time
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

_PERIOD = 1.0  # s of wall time, whatever the simulated clock does
_UNKNOWN = "_NODE_NAME_UNKNOWN_"  # what ROS's middleware (rmw_dds_common) says


class Level(IntEnum):
    """How bad it is."""

    OK = 0
    WARN = 1
    ERROR = 2


class Report(NamedTuple):
    """How a node does: one line, and figures by name."""

    level: Level
    message: str
    values: dict[str, str]


class Meter:
    """Counts events, and how long each took, since it was last read."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to count; `now` gives s."""
        self._now = now
        self._since = now()
        self._durations: list[float] = []

    def add(self, duration: float = 0.0) -> None:
        """Count one event that took `duration` s."""
        self._durations.append(duration)

    @property
    def elapsed(self) -> float:
        """The time that it has counted, s."""
        return self._now() - self._since

    def read(self) -> tuple[float, float]:
        """Return the rate, 1/s, and the 99th percentile of the durations, s; begin anew."""
        now = self._now()
        elapsed, durations = now - self._since, self._durations
        self._since, self._durations = now, []
        if not durations:
            return 0.0, 0.0
        return len(durations) / max(elapsed, 1e-9), float(np.percentile(durations, 99))


def report_diagnostics(node: Node, report: Callable[[], Report]) -> None:
    """Publish what `report` returns on /diagnostics once a second.

    What is not well is logged, too: each line once, whatever its numbers, until all is well.
    """
    publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
    name = node.get_fully_qualified_name()
    told: set[str] = set()

    def publish() -> None:
        level, message, values = report()
        if is_news(level, message, told):
            node.get_logger().warning(message)
        status = DiagnosticStatus(
            level=bytes([level]),
            name=name,
            message=message,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(array)

    node.create_timer(_PERIOD, publish, clock=Clock(clock_type=ClockType.STEADY_TIME))


def is_news(level: Level, message: str, told: set[str]) -> bool:
    """Whether to log a line; `told` remembers what was, and is changed."""
    if level == Level.OK:
        told.clear()
        return False
    line = re.sub(r"[\d.]+", "", message)
    if line in told:
        return False
    told.add(line)
    return True


def publishers(node: Node, topic: str) -> list[str]:
    """The full names of the nodes that publish a topic, sorted.

    A node's name may come later than its topics, and never where it is no ROS node.
    """
    found = node.get_publishers_info_by_topic(topic)
    return sorted(
        "a node of unknown name"
        if one.node_name == _UNKNOWN
        else f"{one.node_namespace.rstrip('/')}/{one.node_name}"
        for one in found
    )


def rivals(node: Node, topic: str) -> list[str]:
    """A line that names who else publishes a topic that this node publishes, if anyone does."""
    others = publishers(node, topic)
    if (own := node.get_fully_qualified_name()) in others:
        others.remove(own)  # once: another may have the same name
    return [f"others publish {topic}, too: {', '.join(others)}"] if others else []
