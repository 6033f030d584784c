"""A world behind topics: another process, or another machine, simulates; here it is driven."""

import os
import queue
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray, String

from deepracer_ros.topics import LATCHED
from deepracer_sim.car import CarStates
from deepracer_sim.errors import UserError
from deepracer_sim.ground import Frame
from deepracer_sim.lockstep import COMMANDS, POSES, Header, Request, new_id
from deepracer_sim.ros_fleet import DRIVE, IMAGE, STATE, WORLD, read_frames, read_state, to_request
from deepracer_sim.world import Array, Indices
from deepracer_sim.world_description import read_description

_ASK_AGAIN = 0.5  # s without an answer: the request may have come before the world listened
_COMPLAIN = 5.0  # s


class Closed(Exception):
    """The world was closed while somebody waited for it."""


class TopicWorld:
    """A `World` whose simulation answers on the fleet topics of a namespace.

    The node must be served by an executor in another thread. World and client may start in any
    order. If the simulation is lost, this waits for it; one that was started anew is given the
    cars' last poses, and they go on from there, at rest.
    """

    def __init__(self, node: Node, namespace: str = "") -> None:
        """Wait for a world and put its cars on the start line.

        namespace: relative to the node's own. Raises UserError for a world that is not understood.
        """
        self._log = node.get_logger()
        self._prefix = f"{namespace}/" if namespace else ""
        self._closed = False
        self._descriptions: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._subscribe(node, String, WORLD, self._hear_description, LATCHED)
        self._name = node.resolve_topic_name(self._prefix + DRIVE)
        self._text = self._wait(self._descriptions, lambda: None)
        self.track, self.n, self.car, self.camera = read_description(self._text)
        self._session, self._client, self._number = 0, new_id(), 0
        self._started = False  # nothing was answered yet
        self._frames = np.zeros((self.n, self.camera.height, self.camera.width), np.uint8)
        self._states = np.zeros((self.n, len(CarStates._fields)))
        self._drive = node.create_publisher(Float32MultiArray, self._prefix + DRIVE, 10)
        self._subscribe(node, Float32MultiArray, STATE, self._hear_state, 10)
        self._subscribe(node, Image, IMAGE, self._hear_frames, 10)
        self.reset(np.arange(self.n), np.broadcast_to(self.track.pose(0.0), (self.n, 3)))

    def reset(self, cars: Indices, poses: Array) -> None:
        """Put some cars (k,) at rest at poses (k, 3)."""
        values = np.column_stack([cars, poses])
        self._states, frames = self._ask(POSES, values)
        self._frames[cars] = frames

    def step(self, commands: Array) -> CarStates:
        """Advance all cars by one control period under commands (n, 2).

        Raises ValueError for commands that are not finite or not (n, 2).
        """
        if np.shape(commands) != (self.n, 2):
            raise ValueError(f"commands must have shape ({self.n}, 2), found {np.shape(commands)}")
        if not np.isfinite(commands).all():
            raise ValueError("commands must be finite: steering angle rad, speed m/s")
        self._states, self._frames = self._ask(COMMANDS, commands)
        return self.states

    @property
    def states(self) -> CarStates:
        """The present states, (n,) each."""
        return CarStates(*self._states.T.copy())

    def frames(self, cars: Indices | None = None) -> Frame:
        """Grey frames (k, h, w) of all cars, or of some (k,)."""
        return self._frames if cars is None else self._frames[cars]

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """The grey frames as colour (k, h, w, 3): no colour comes over the fleet topics."""
        return np.repeat(self.frames(cars)[..., None], 3, axis=-1)

    def close(self) -> None:
        """End all waiting, with Closed."""
        self._closed = True

    def _subscribe(
        self, node: Node, kind: type, topic: str, hear: Callable[[Any], None], qos: Any
    ) -> None:
        node.create_subscription(kind, self._prefix + topic, hear, qos)

    def _ask(self, columns: str, values: Array) -> tuple[Array, Frame]:
        """Have a request done; return states (n, 7) and frames (k, h, w)."""
        while (answer := self._request(columns, values)) is None:
            if self._started:
                self._log.warning(f"The world on {self._name} was started anew; cars go on at rest")
                numbers = np.arange(self.n)
                self._request(POSES, np.column_stack([numbers, self._states[:, :3]]))
        self._started = True
        return answer

    def _request(self, columns: str, values: Array) -> tuple[Array, Frame] | None:
        """Send a request until it is answered. None: the world lives a new life, now known."""
        self._check_description()
        self._number += 1
        header = Header(self._session, self._client, self._number)
        send = partial(self._drive.publish, to_request(Request(header, columns, values)))
        send()
        states, frames = None, None
        while states is None or frames is None:
            found, part = self._wait(self._answers, send)
            if found[1:] != header[1:]:
                continue  # another client's, or given twice
            if found.session != header.session:
                self._session = found.session
                return None
            if part.ndim == 2:
                states = part
            else:
                frames = part
        return states, frames

    def _wait(self, answers: "queue.SimpleQueue[Any]", send: Callable[[], None]) -> Any:
        """Wait for the next message; send again, and complain, now and then."""
        began = complained = time.monotonic()
        while not self._closed:
            try:
                return answers.get(timeout=_ASK_AGAIN)
            except queue.Empty:
                send()
            now = time.monotonic()
            if now - complained > _COMPLAIN:
                complained = now
                self._log.warning(
                    f"No world has answered on {self._name} for {now - began:.0f} s "
                    f"(ROS_DOMAIN_ID {os.environ.get('ROS_DOMAIN_ID') or 0}). Waiting for one: "
                    "ros2 run deepracer_ros world_node --ros-args -p lockstep:=true"
                )
        raise Closed

    def _check_description(self) -> None:
        """Raise UserError if the world that was started anew is another one."""
        while not self._descriptions.empty():
            if self._descriptions.get() != self._text:
                raise UserError(
                    f"The world on {self._name} was started anew with another track, car, camera "
                    "or number of cars. Start it as it was, or start the training anew."
                )

    def _hear_description(self, message: String) -> None:
        self._descriptions.put(message.data)

    def _hear_state(self, message: Float32MultiArray) -> None:
        try:
            self._answers.put(read_state(message))
        except ValueError as error:
            self._log.warning(f"Refused on {STATE}: {error}")

    def _hear_frames(self, message: Image) -> None:
        try:
            self._answers.put(read_frames(message, self.camera.height, self.camera.width))
        except (ValueError, TypeError) as error:
            self._log.warning(f"Refused on {IMAGE}: {error}")
