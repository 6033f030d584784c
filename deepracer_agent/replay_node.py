"""The node `replay`: shows a bag's camera to the agent, and what it makes of it.

One image at a time: the next is published when the agent has answered the last.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from deepracer_agent.actions import Command
from deepracer_agent.replay import (
    COMPRESSED,
    DRIVE,
    IMAGE,
    Recorded,
    Replay,
    choose_topics,
    plot,
    table,
)
from deepracer_ros.bag import Bag, Message, open_bag
from deepracer_ros.messages import (
    AckermannDriveStamped,
    read_drive,
    to_image,
    to_nanoseconds,
    to_time,
)
from deepracer_ros.parameters import parameter
from deepracer_ros.process import started
from deepracer_ros.topics import CLOCK, COMMAND, SENSOR
from deepracer_sim.errors import UserError

_PATIENCE = 1.0  # s until an image counts as unanswered
_FIRST_PATIENCE = 21.0  # s for the first image: the agent may still start
_MOST_UNANSWERED = 10  # in a row; then the agent is gone, or has not come, after 30 s in all
_REPEAT = 0.25  # s until an image is sent again: the last one may have been lost
# By the clock an image is this old, ns: so no stop command, stamped with the clock, passes for an
# answer, stamped with the image's own time.
_AGE = 1_000_000


class ReplayNode(Node):
    """Asks the agent what it would have done."""

    def __init__(self, executor: SingleThreadedExecutor) -> None:
        """executor: serves it. Raises UserError where a parameter is not good."""
        super().__init__("replay")
        self._bag = parameter(self, "bag", "", "Folder of the bag to show.")
        out = parameter(self, "out", "replay", "The plot's file, without its ending .png.")
        self._plot = Path(f"{out}.png")
        if not self._bag:
            raise UserError("No bag is named. Name one: bag:=FOLDER")
        self._answers: dict[int, Command] = {}  # by stamp, to the image that is asked for
        self._clock = self.create_publisher(Clock, "/clock", CLOCK)
        self._camera = self.create_publisher(Image, IMAGE, SENSOR)
        self.create_subscription(AckermannDriveStamped, DRIVE, self._on_drive, COMMAND)
        self._executor = executor
        self._executor.add_node(self)

    def run(self) -> None:
        """Show every image, then say how the agent did. Raises UserError."""
        with open_bag(Path(self._bag)) as bag:
            for fault in bag.faults:
                self.get_logger().warning(fault)
            types = {topic.name: topic.type for topic in bag.topics}
            camera, drive = choose_topics(types, self.get_namespace())
            self.get_logger().info(f"Showing {camera} of {self._bag} to the agent.")
            if drive is None:
                self.get_logger().warning("The bag has no commands: the agent's alone are shown.")
            replay = Replay(list(_commands(bag, drive)) if drive else [])
            try:
                self._show(bag.messages([camera]), replay)
            except UserError as error:  # the rest of the bag, or of the agent
                if not replay.answered:
                    raise
                self.get_logger().warning(str(error))
        if not replay.answered:
            raise UserError(f"The bag {self._bag} has no images on {camera}.")
        self.get_logger().info(f"The agent on {self._bag}:\n{table(replay.compare())}")
        plot(replay, self._bag, self._plot)
        self.get_logger().info(f"Plot: {self._plot}")

    def _show(self, messages: Iterable[Message], replay: Replay) -> None:
        """Ask the agent about one image after the other. Raises UserError where it is silent."""
        patience, unanswered, image = _FIRST_PATIENCE, 0, None
        for message in messages:
            image = _image(message)
            answer = self._ask(image, patience)
            unanswered = 0 if answer else unanswered + 1
            if unanswered == _MOST_UNANSWERED:
                break
            patience = _PATIENCE
            replay.add(message.time, to_nanoseconds(image.header.stamp), answer)
        if image and (unanswered == _MOST_UNANSWERED or not replay.answered):
            raise UserError(
                f"Nobody answers the images on {self._camera.topic_name} on "
                f"{self.resolve_topic_name(DRIVE)}. Does an agent run, with use_sim_time, and "
                f"takes it {image.width}x{image.height} {image.encoding}?"
            )

    def _ask(self, image: Image, patience: float) -> Command | None:
        """Show an image until it is answered, for `patience` s at most."""
        stamp = to_nanoseconds(image.header.stamp)
        self._answers = {}
        deadline = time.monotonic() + patience
        while stamp not in self._answers and time.monotonic() < deadline:
            self._clock.publish(Clock(clock=to_time(stamp + _AGE)))
            self._camera.publish(image)
            repeat = time.monotonic() + _REPEAT
            while stamp not in self._answers and time.monotonic() < repeat:
                self._executor.spin_once(timeout_sec=repeat - time.monotonic())
        return self._answers.get(stamp)

    def _on_drive(self, message: AckermannDriveStamped) -> None:
        with suppress(ValueError):  # no answer then
            self._answers[to_nanoseconds(message.header.stamp)] = Command(*read_drive(message))


def _commands(bag: Bag, topic: str) -> Iterator[Recorded]:
    """The commands of a bag, but for those that are not finite."""
    for message in bag.messages([topic]):
        drive = _read(message, AckermannDriveStamped)
        with suppress(ValueError):
            command = Command(*read_drive(drive))
            yield Recorded(message.time, to_nanoseconds(drive.header.stamp), command)


def _image(message: Message) -> Image:
    """A recorded image; one without content where a JPEG is damaged."""
    if not message.topic.endswith(COMPRESSED):
        return _read(message, Image)
    jpeg = _read(message, CompressedImage)
    frame = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if frame is None:
        return Image(header=jpeg.header)
    return to_image(np.asarray(frame, np.uint8), jpeg.header.stamp, jpeg.header.frame_id)


def _read(message: Message, kind: Any) -> Any:
    """A recorded message. Raises UserError where it is damaged."""
    try:
        return deserialize_message(message.data, kind)
    except RuntimeError as error:
        raise UserError(f"A message on {message.topic} is damaged.") from error


def main() -> None:
    """Replay a bag and end."""
    with started() as executor:
        node = ReplayNode(executor)
        try:
            node.run()
        finally:
            node.destroy_node()
