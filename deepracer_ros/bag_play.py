"""Bags, played: what was recorded is published again, in its own time."""

import signal
import time
from collections.abc import Collection, Iterable, Iterator

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from deepracer_ros.bag import Bag, Message
from deepracer_ros.bag_qos import to_offer
from deepracer_ros.bag_types import full_names, message_class
from deepracer_ros.process import started
from deepracer_ros.topics import CLOCK
from deepracer_sim.errors import UserError

_DISCOVERY = 3.0  # s that subscribers are waited for; most are there after 0.1, some after 2.6
_SETTLING = 0.2  # s: a subscriber that is found here may still have to find the publisher
_TICK = 10_000_000  # ns of the bag's time
_CLOCK = ("/clock", "rosgraph_msgs/msg/Clock")

Publishers = dict[tuple[str, str], Publisher]  # by topic and type


def play(
    bag: Bag,
    topics: Collection[str] = (),
    *,
    rate: float = 1.0,
    loop: bool = False,
    clock: bool = False,
) -> None:
    """Publish some topics of a bag, or all.

    `rate` is the speed, 1 as recorded; `loop` begins anew at the end, until Ctrl-C or SIGTERM;
    `clock` publishes the bag's time on /clock, unless that was recorded too. Raises UserError
    where the bag has no such topic, or no messages, or is damaged.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with started([], signals=False):
        node = rclpy.create_node("bag_player", enable_rosout=False, start_parameter_services=False)
        publishers = _publishers(node, bag, full_names(node, topics))
        if not bag.count:
            raise UserError(f"{bag.path} has no messages to play.")
        ticks = clock and _CLOCK not in publishers
        if ticks:
            publishers[_CLOCK] = node.create_publisher(Clock, _CLOCK[0], CLOCK)
        _wait_for_subscribers(publishers.values())
        _play_once(bag, publishers, rate, ticks)
        while loop:
            _play_once(bag, publishers, rate, ticks)
        for publisher in publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=1))


def _publishers(node: Node, bag: Bag, wanted: Collection[str]) -> Publishers:
    """Publishers for the wanted topics, or for all, whose types are installed here.

    Those that ROS takes under no such name are left out, too.
    """
    present = [topic for topic in bag.topics if not wanted or topic.name in wanted]
    missing = set(wanted) - {topic.name for topic in present}
    if missing:
        names = ", ".join(topic.name for topic in bag.topics) or "none"
        raise UserError(f"{bag.path} has no {', '.join(sorted(missing))}; its topics are: {names}.")
    publishers = {}
    for topic in present:
        try:
            full_names(node, [topic.name])
            kind = message_class(topic.type)
        except UserError as error:
            node.get_logger().warning(f"Not played: {error}")
            continue
        except LookupError:
            node.get_logger().warning(f"Not played: {topic.name}, {topic.type} is not installed.")
            continue
        publisher = node.create_publisher(kind, topic.name, to_offer(topic.qos))
        publishers[topic.name, topic.type] = publisher
    return publishers


def _wait_for_subscribers(publishers: Collection[Publisher]) -> None:
    """Wait until every topic has a subscriber, but not for long: some may have none."""
    deadline = time.monotonic() + _DISCOVERY
    while not all(publisher.get_subscription_count() for publisher in publishers):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    time.sleep(_SETTLING)


def _play_once(bag: Bag, publishers: Publishers, rate: float, ticks: bool) -> None:
    messages = bag.messages({topic for topic, _ in publishers})
    began = time.monotonic()
    for message in _with_clock(messages) if ticks else messages:
        due = began + (message.time - bag.start) / 1e9 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        publisher = publishers.get((message.topic, message.type))
        if publisher:
            publisher.publish(message.data)


def _with_clock(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages, and between them the bag's time."""
    tick = None
    for message in messages:
        tick = tick or message.time
        while tick <= message.time:
            yield Message(
                *_CLOCK, tick, serialize_message(Clock(clock=Time(nanoseconds=tick).to_msg()))
            )
            tick += _TICK
        yield message
