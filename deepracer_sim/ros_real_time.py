"""A world in real time: one car on the standard topics, at 15 Hz of simulated time."""

import time

from ackermann_msgs.msg import AckermannDriveStamped
from rclpy.executors import Executor
from rclpy.node import Node
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger

from deepracer_ros.diagnostics import Level, Meter, Report, publishers
from deepracer_ros.messages import read_drive
from deepracer_ros.topics import COMMAND
from deepracer_sim.car import DT
from deepracer_sim.race import Moment, Race
from deepracer_sim.ros_stage import Stage
from deepracer_sim.world import World

_FAR_BEHIND = 1.0  # s of wall time: the lost time is not made up for


class RealTime:
    """Paces a race by the wall clock and puts it on topics."""

    def __init__(self, node: Node, stage: Stage, world: World, race: Race, rtf: float) -> None:
        """rtf: simulated seconds per second of wall time."""
        self._node, self._stage, self._world, self._race = node, stage, world, race
        self._period = DT / rtf  # s of wall time
        self._steps = 0
        self._paused = False
        self._refused = 0
        self._meter = Meter()
        self._topic = node.resolve_topic_name("drive")
        self._clock = node.resolve_topic_name("/clock")
        self._progress = node.create_publisher(Float32, "race/progress", 10)
        self._speed = node.create_publisher(Float32, "race/speed", 10)
        self._lap_time = node.create_publisher(Float32, "race/lap_time", 10)
        self._event = node.create_publisher(String, "race/event", 10)
        stage.car.create_subscription(AckermannDriveStamped, "drive", self._hear, COMMAND)
        node.create_service(Trigger, "sim/reset", self._reset)
        node.create_service(SetBool, "sim/pause", self._pause)

    def run(self, executor: Executor) -> None:
        """Step at an even pace, and serve the nodes in between, until ROS ends."""
        self._meter.read()  # begins anew: the start took its time
        due = time.monotonic()
        while True:
            due += self._period
            while (left := due - time.monotonic()) > 0.0:
                executor.spin_once(timeout_sec=left)
            executor.spin_once(timeout_sec=0.0)  # where there is no time left, too
            if -left > _FAR_BEHIND:
                due = time.monotonic()
            if not self._paused:
                self._step()

    def report(self) -> Report:
        """How the world does."""
        elapsed = self._meter.elapsed
        rate, _ = self._meter.read()
        drivers = publishers(self._node, self._topic)
        clocks = publishers(self._node, self._clock)
        values = {
            "steps per second": f"{rate:.1f}",
            "real-time factor": f"{rate * DT:.2f}",
            "commands refused": str(self._refused),
            "drivers": ", ".join(drivers),
            "clocks": ", ".join(clocks),
        }
        faults = []
        if len(drivers) > 1:
            faults.append(
                f"{len(drivers)} nodes drive the car on {self._topic}: {values['drivers']}"
            )
        if len(clocks) > 1:  # the time that all nodes share jumps
            faults.append(
                f"{len(clocks)} nodes publish {self._clock}: {values['clocks']} "
                "(give each world in real time a ROS_DOMAIN_ID of its own)"
            )
        if faults:
            return Report(Level.WARN, "; ".join(faults), values)
        if self._paused:
            return Report(Level.OK, "paused", values)
        wanted = 1.0 / self._period
        if is_slow(rate, wanted, elapsed):
            message = f"slower than asked: {rate:.1f} steps/s of {wanted:.1f}"
            return Report(Level.WARN, message, values)
        return Report(Level.OK, "running", values)

    def _step(self) -> None:
        self._steps += 1
        self._meter.add()
        moment = self._race.advance()
        self._stage.show(self._steps, moment.states, lambda: self._world.frames_rgb()[0])
        self._tell(moment)

    def _tell(self, moment: Moment) -> None:
        self._progress.publish(Float32(data=moment.progress_pct))
        self._speed.publish(Float32(data=float(moment.states.speed[0])))
        if moment.lap_time is not None:
            self._lap_time.publish(Float32(data=moment.lap_time))
            self._node.get_logger().info(f"Lap: {moment.lap_time:.2f} s")
        if moment.event:
            self._event.publish(String(data=moment.event))

    def _hear(self, message: AckermannDriveStamped) -> None:
        try:
            self._race.command(*read_drive(message))
        except ValueError as error:
            self._refused += 1
            self._node.get_logger().warning(
                f"Refused on {self._topic}: {error}", throttle_duration_sec=5.0
            )

    def _reset(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._race.reset()
        self._event.publish(String(data="reset"))
        answer.success, answer.message = True, "the car stands on the start line"
        return answer

    def _pause(self, request: SetBool.Request, answer: SetBool.Response) -> SetBool.Response:
        self._paused = request.data
        self._meter.read()  # begins anew: a pause is not slowness
        answer.success, answer.message = True, "paused" if request.data else "running"
        return answer


def is_slow(rate: float, wanted: float, elapsed: float) -> bool:
    """Whether steps are missing: more than a tenth in `elapsed` s, and than one that is due now."""
    return (wanted - rate) * elapsed > 1.5 + 0.1 * wanted * elapsed
