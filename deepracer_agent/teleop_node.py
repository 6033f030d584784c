"""The node `teleop`: drives by hand, from the terminal's keyboard and from gamepad messages."""

import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from deepracer_agent.actions import MAX_SPEED
from deepracer_agent.teleop import HELP, Teleop
from deepracer_agent.terminal import keyboard
from deepracer_ros.diagnostics import Level, Report, report_diagnostics, rivals
from deepracer_ros.messages import AckermannDriveStamped, to_drive
from deepracer_ros.parameters import parameter
from deepracer_ros.process import serve, started
from deepracer_ros.topics import COMMAND, NEWEST

_PERIOD = 1 / 15  # s between commands
_MAX_STEERING_ANGLE = 0.5236  # rad, 30 deg


class TeleopNode(Node):
    """Publishes `drive` while someone drives, and is silent otherwise."""

    def __init__(self, typed: Callable[[], str] | None) -> None:
        """Drive by what `typed` returns, and by `joy`. Raises UserError for a bad parameter."""
        super().__init__("teleop")
        self._typed = typed
        self._teleop = self._make_teleop()
        self._driving = False
        self._refused = ""  # why the last gamepad message was
        self._drive = self.create_publisher(AckermannDriveStamped, "drive", COMMAND)
        self.create_subscription(Joy, "joy", self._on_joy, NEWEST)
        self.create_timer(_PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        report_diagnostics(self, self._report)
        self.get_logger().info(HELP if typed else "No keyboard here: only a gamepad (joy) drives.")

    def _make_teleop(self) -> Teleop:
        largest = _MAX_STEERING_ANGLE
        return Teleop(
            parameter(self, "max_speed", 1.0, "The largest speed, m/s.", low=0.0, high=MAX_SPEED),
            parameter(
                self, "max_steering_angle", largest, "Either way, rad.", low=0.0, high=largest
            ),
        )

    def _on_joy(self, message: Joy) -> None:
        try:
            self._teleop.joy(message.axes, message.buttons, time.monotonic())
        except ValueError as error:
            self._refused = str(error)

    def _tick(self) -> None:
        now = time.monotonic()
        if self._typed:
            self._teleop.keys(self._typed(), now)
        command = self._teleop.command(now)
        self._driving = command is not None
        if command:
            self._drive.publish(to_drive(*command, self.get_clock().now().to_msg()))

    def _report(self) -> Report:
        faults = rivals(self, self._drive.topic_name)
        if self._refused:
            faults.append(self._refused)
            self._refused = ""
        if faults:
            return Report(Level.WARN, "; ".join(faults), {})
        return Report(Level.OK, "driving" if self._driving else "nobody drives", {})


def main() -> None:
    """Let someone drive until the process is asked to end; the terminal is then as before."""
    with started() as executor, keyboard() as typed:
        serve(executor, lambda: TeleopNode(typed))
