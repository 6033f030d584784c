"""A world in lockstep: its cars move when a trainer's request on the fleet topics says so."""

import time

import numpy as np
from rclpy.executors import Executor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray, String
from std_srvs.srv import SetBool, Trigger

from deepracer_ros.diagnostics import Level, Meter, Report, publishers
from deepracer_ros.mailbox import Mailbox
from deepracer_ros.messages import to_time
from deepracer_ros.topics import LATCHED, SENSOR
from deepracer_sim.lockstep import Lockstep
from deepracer_sim.ros_fleet import (
    DRIVE,
    IMAGE,
    STATE,
    WORLD,
    read_request,
    to_frames,
    to_state,
)
from deepracer_sim.ros_stage import Stage, nanoseconds
from deepracer_sim.world import World
from deepracer_sim.world_description import Names, describe

_FIRST = np.zeros(1, np.int64)
_BREAK = 0.02  # s after which the nodes' timers and services are looked at


class LockstepServer:
    """Answers requests, and shows the first car on the standard topics."""

    def __init__(self, node: Node, stage: Stage, world: World, names: Names) -> None:
        """Serve a world; `names` is what it was asked to be."""
        self._node, self._stage, self._world = node, stage, world
        self._lockstep = Lockstep(world)
        world.frames()  # the first ones take longest; who is told of the world finds it quick
        self._waiting: Float32MultiArray | None = None
        self._paused = False
        self._refused = 0
        self._meter = Meter()
        self._topic = node.resolve_topic_name(DRIVE)
        self._state = node.create_publisher(Float32MultiArray, STATE, 10)
        self._image = node.create_publisher(Image, IMAGE, 10)
        self._description = node.create_publisher(String, WORLD, LATCHED)
        self._description.publish(String(data=describe(world, names)))
        self._mailbox = Mailbox(node)
        self._mailbox.subscribe(Float32MultiArray, DRIVE, self._hear, SENSOR)
        node.create_service(Trigger, "sim/reset", self._reset)
        node.create_service(SetBool, "sim/pause", self._pause)

    def run(self, executor: Executor) -> None:
        """Answer requests, and serve the nodes in between, until ROS ends."""
        served = time.monotonic()
        while True:
            idle = not self._mailbox.take(_BREAK)
            if idle or time.monotonic() - served > _BREAK:
                executor.spin_once(timeout_sec=0.0)
                served = time.monotonic()

    def report(self) -> Report:
        """How the world does."""
        rate, _ = self._meter.read()
        trainers = publishers(self._node, self._topic)
        values = {
            "steps of all cars per second": f"{rate * self._world.n:.0f}",
            "requests refused": str(self._refused),
            "trainers": ", ".join(trainers),
        }
        if len(trainers) > 1:
            message = f"{len(trainers)} trainers drive on {self._topic}: {', '.join(trainers)}"
            return Report(Level.WARN, message, values)
        message = "paused" if self._paused else "running" if rate else "waiting for a trainer"
        return Report(Level.OK, message, values)

    def _hear(self, message: Float32MultiArray) -> None:
        if self._paused:
            self._waiting = message
            return
        steps = self._lockstep.steps
        try:
            answer = self._lockstep.answer(read_request(message))
        except ValueError as error:
            self._refused += 1
            self._node.get_logger().warning(
                f"Refused on {self._topic}: {error}", throttle_duration_sec=5.0
            )
            return
        self._state.publish(to_state(answer))  # first: it is judged while the frames are drawn
        if answer.cars is not None:
            stamp = to_time(nanoseconds(self._lockstep.steps))
            frames = self._world.frames(answer.cars)
            self._image.publish(to_frames(answer.header, frames, stamp))
        if self._lockstep.steps > steps:
            self._meter.add()
            self._show()

    def _show(self) -> None:
        self._stage.show(
            self._lockstep.steps, self._world.states, lambda: self._world.frames_rgb(_FIRST)[0]
        )

    def _reset(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        answer.success, answer.message = False, "in lockstep, the trainer places the cars"
        return answer

    def _pause(self, request: SetBool.Request, answer: SetBool.Response) -> SetBool.Response:
        self._paused, waiting, self._waiting = request.data, self._waiting, None
        if waiting is not None:
            self._hear(waiting)
        answer.success, answer.message = True, "paused" if request.data else "running"
        return answer
