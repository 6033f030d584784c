"""A world behind topics: another process, or another machine, simulates; here it is driven."""

import os
import time
from collections import deque
from typing import Any

import numpy as np
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray, String

from deepracer_ros.mailbox import Mailbox
from deepracer_ros.topics import LATCHED, SENSOR
from deepracer_sim.car import CarStates, check_commands
from deepracer_sim.errors import UserError
from deepracer_sim.ground import Frame
from deepracer_sim.lockstep import COMMANDS, NOMINAL_POSES, POSES, Header, Request, new_id
from deepracer_sim.ros_fleet import DRIVE, IMAGE, STATE, WORLD, read_frames, read_state, to_request
from deepracer_sim.world import Array, Indices
from deepracer_sim.world_description import read_description

_ASK_AGAIN = 0.5  # s without an answer: the request may have come before the world listened
_COMPLAIN = 5.0  # s


class Closed(Exception):
    """The world was closed while somebody waited for it."""


class _Exchange:
    """A request under way, and what of its answer has come."""

    def __init__(self, request: Request, cars: Indices) -> None:
        self.request = request
        self.cars = cars  # whose frames are asked for
        self.message = to_request(request)
        self.has_states = self.has_frames = False


class TopicWorld:
    """A `World` whose simulation answers on the fleet topics of a namespace.

    World and client may start in any order. If the simulation is lost, this waits for it; one that
    was started anew is given the cars' last poses, and they go on from there, at rest. Frames are
    waited for when they are asked for, so that the step can be judged while they are drawn.
    """

    def __init__(self, node: Node, namespace: str = "") -> None:
        """Wait for a world and put its cars on the start line.

        namespace: relative to the node's own. Raises UserError for a world that is not understood.
        """
        self._context = node.context
        self._mailbox = Mailbox(node)
        self._log = node.get_logger()
        self._closed = False
        self._exchange: _Exchange | None = None
        self._descriptions: deque[str] = deque()
        self._answers: deque[tuple[Header, Any]] = deque()
        prefix = f"{namespace}/" if namespace else ""
        self._name = node.resolve_topic_name(prefix + DRIVE)
        self._image_topic = prefix + IMAGE
        subscribe = self._mailbox.subscribe
        subscribe(String, prefix + WORLD, self._hear_description, LATCHED)
        subscribe(Float32MultiArray, prefix + STATE, self._hear_state, SENSOR)
        subscribe(Image, self._image_topic, self._hear_frames, SENSOR)
        self._is_reliable = False
        self._drive = node.create_publisher(Float32MultiArray, prefix + DRIVE, 10)
        self._text = self._wait(self._descriptions)
        self.names, self.track, self.n, self.car, self.camera = read_description(self._text)
        self._session, self._client, self._number = 0, new_id(), 0
        self._frames = np.zeros((self.n, self.camera.height, self.camera.width), np.uint8)
        self._states = np.zeros((self.n, len(CarStates._fields)))
        self.reset(np.arange(self.n), np.broadcast_to(self.track.pose(0.0), (self.n, 3)))
        self._finish()

    def reset(self, cars: Indices, poses: Array, nominal: bool = False) -> None:
        """Put some cars (k,) at rest at poses (k, 3); nominal: without randomisation."""
        self._begin(NOMINAL_POSES if nominal else POSES, np.column_stack([cars, poses]), cars)

    def step(self, commands: Array) -> CarStates:
        """Advance all cars by one control period under commands (n, 2).

        Raises ValueError for commands that are not finite or not (n, 2).
        """
        check_commands(commands, self.n)
        self._begin(COMMANDS, np.asarray(commands), np.arange(self.n))
        return self.states

    @property
    def states(self) -> CarStates:
        """The present states, (n,) each."""
        while self._exchange and not self._exchange.has_states:
            self._receive()
        return CarStates(*self._states.T.copy())

    def frames(self, cars: Indices | None = None) -> Frame:
        """Grey frames (k, h, w) of all cars, or of some (k,)."""
        self._finish()
        return self._frames if cars is None else self._frames[cars]

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """The grey frames as colour (k, h, w, 3): no colour comes over the fleet topics."""
        return np.repeat(self.frames(cars)[..., None], 3, axis=-1)

    def close(self) -> None:
        """End all waiting, with Closed. The end of ROS ends it, too."""
        self._closed = True

    def _begin(self, columns: str, values: Array, cars: Indices) -> None:
        """Send a request, after the answer to the one before has come."""
        self._finish()
        self._send(columns, values, cars)

    def _send(self, columns: str, values: Array, cars: Indices) -> None:
        self._number += 1
        header = Header(self._session, self._client, self._number)
        self._exchange = _Exchange(Request(header, columns, values), cars)
        self._drive.publish(self._exchange.message)

    def _finish(self) -> None:
        """Wait until the request under way is answered."""
        while self._exchange and not (self._exchange.has_states and self._exchange.has_frames):
            self._receive()
        self._exchange = None

    def _receive(self) -> None:
        """Take one message of the answer."""
        exchange = self._exchange
        assert exchange is not None
        header, part = self._wait(self._answers)
        if header[1:] != exchange.request.header[1:]:
            return  # another client's, or given twice
        if header.session != self._session:
            self._meet(header.session, exchange)
        elif part.ndim == 2:
            self._states, exchange.has_states = part, True
        elif len(part) == len(exchange.cars):
            self._keep(part, exchange.cars)
            exchange.has_frames = True
        else:
            self._refuse(IMAGE, f"{len(part)} frames in place of {len(exchange.cars)}")

    def _keep(self, frames: Frame, cars: Indices) -> None:
        if len(cars) == self.n:
            self._frames = frames
        else:
            self._frames = self._frames.copy()  # who was given the frames before keeps them
            self._frames[cars] = frames

    def _meet(self, session: int, lost: _Exchange) -> None:
        """Go on with a world of which nothing but its new life is known."""
        if self._session:
            self._check_description()
            self._log.warning(f"The world on {self._name} was started anew; cars go on at rest.")
            self._session = session
            cars = np.arange(self.n)
            self._send(POSES, np.column_stack([cars, self._states[:, :3]]), cars)
            if lost.has_states:
                return  # what is missing are the frames, and these are they
            self._finish()
        self._session = session
        self._send(lost.request.columns, lost.request.values, lost.cars)

    def _wait(self, heard: "deque[Any]") -> Any:
        """Wait for the next of what is heard; ask again, and complain, now and then."""
        began = complained = time.monotonic()
        while not self._closed and self._context.ok():
            if heard:
                return heard.popleft()
            if not self._mailbox.take(_ASK_AGAIN):
                self._ask_again()
            now = time.monotonic()
            if now - complained > _COMPLAIN:
                complained = now
                self._log.warning(
                    f"No world has answered on {self._name} for {now - began:.0f} s "
                    f"(ROS_DOMAIN_ID {os.environ.get('ROS_DOMAIN_ID') or 0}). Waiting for one: "
                    "world_node with lockstep:=true, as world.launch.xml starts it."
                )
        raise Closed if self._closed else ExternalShutdownException

    def _ask_again(self) -> None:
        """Send the request under way once more.

        Within a machine nothing is lost, and acknowledgements would take a third of the time of an
        exchange. Where frames do get lost, they are acknowledged from then on.
        """
        if not self._exchange:
            return
        if self._exchange.has_states and not self._is_reliable:
            self._mailbox.subscribe(Image, self._image_topic, self._hear_frames, 10)
            self._is_reliable = True
        self._drive.publish(self._exchange.message)

    def _check_description(self) -> None:
        """Raise UserError if the world that was started anew is another one."""
        text = self._wait(self._descriptions)
        while self._descriptions:
            text = self._descriptions.popleft()
        if text != self._text:
            raise UserError(
                f"The world on {self._name} was started anew with another track, car, camera "
                "or number of cars. Start it as it was, or start the training anew."
            )

    def _hear_description(self, message: String) -> None:
        self._descriptions.append(message.data)

    def _hear_state(self, message: Float32MultiArray) -> None:
        if not self._exchange:
            return  # nothing was asked
        try:
            header, states = read_state(message)
            if states.shape != self._states.shape or not np.isfinite(states).all():
                raise ValueError(f"these are not {self.n} cars' finite states")
            self._answers.append((header, states))
        except ValueError as error:
            self._refuse(STATE, error)

    def _hear_frames(self, message: Image) -> None:
        if not self._exchange:
            return  # nothing was asked
        try:
            self._answers.append(read_frames(message, self.camera.height, self.camera.width))
        except (ValueError, TypeError) as error:
            self._refuse(IMAGE, error)

    def _refuse(self, topic: str, why: object) -> None:
        self._log.warning(f"Refused on {topic}: {why}", throttle_duration_sec=5.0)
