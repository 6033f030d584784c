"""The node `servo`: obeys `drive` with pulses for the car's motor and steering servo.

Off until the service `drive/enable` says otherwise, and after each fault.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import SetBool

from deepracer_hw.calibration import load_calibration
from deepracer_hw.servo import TICK, Servo
from deepracer_hw.throttle import load_limits, load_throttle
from deepracer_ros.diagnostics import Level, Meter, Report, report_diagnostics
from deepracer_ros.messages import AckermannDriveStamped, to_nanoseconds
from deepracer_ros.parameters import parameter
from deepracer_ros.process import spin
from deepracer_ros.topics import COMMAND
from deepracer_sim.errors import UserError


class ServoNode(Node):
    """Hands commands, ticks and the service to a Servo, and reports how it does."""

    def __init__(self) -> None:
        """Start at rest. Raises UserError where a calibration file is not good."""
        self._at_end = ExitStack()  # destroy_node is called even if nothing below succeeds
        super().__init__("servo")
        root = Path(parameter(self, "root", "/", "Folder that the car's files are looked for in."))
        limits = load_limits()
        throttle = load_throttle(root, limits.speed)
        self._servo = Servo(root, load_calibration(root), limits, throttle)
        self._at_end.callback(self._servo.close)
        self._commands = Meter()  # age when they have been obeyed
        self._refused = self._refused_before = 0
        self._reason = ""  # of the last refusal
        self.create_subscription(AckermannDriveStamped, "drive", self._on_drive, COMMAND)
        self.create_service(SetBool, "drive/enable", self._on_enable)
        self.create_timer(TICK, self._on_tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        report_diagnostics(self, self._report)
        self.get_logger().info("Motor and servo are off. To enable them: deepracer car enable")

    def destroy_node(self) -> None:
        """Bring the car to rest first."""
        self._at_end.close()
        super().destroy_node()

    def _on_tick(self) -> None:
        self._servo.tick(time.monotonic())

    def _on_drive(self, message: AckermannDriveStamped) -> None:
        command, stamp = message.drive, to_nanoseconds(message.header.stamp)
        age = (self.get_clock().now().nanoseconds - stamp) / 1e9
        try:
            self._servo.obey(command.steering_angle, command.speed, age, time.monotonic())
            self._commands.add(age)
        except ValueError as error:
            self._refused += 1
            self._reason = str(error)

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        try:
            if request.data:
                self._servo.enable(time.monotonic())
            else:
                self._servo.disable()
            response.success, response.message = True, "on" if request.data else "off"
        except UserError as error:
            response.success, response.message = False, str(error)
        self.get_logger().info(f"Motor and servo: {response.message}")
        return response

    def _report(self) -> Report:
        rate, age = self._commands.read()
        motor, servo = self._servo.pulses
        values = {
            "enabled": str(self._servo.enabled).lower(),
            "commands (Hz)": f"{rate:.1f}",
            "age p99 (ms)": f"{age * 1e3:.1f}",
            "motor pulse (us)": f"{motor / 1e3:.1f}",
            "steering pulse (us)": f"{servo / 1e3:.1f}",
            "commands refused": str(self._refused),
            "last refused": self._reason,
        }
        return Report(*self._judge(rate), values)

    def _judge(self, rate: float) -> tuple[Level, str]:
        refused, self._refused_before = self._refused - self._refused_before, self._refused
        if not self._servo.is_there:
            return (
                Level.ERROR,
                f"{self._servo.fault} (looked for every second; see: deepracer car check)",
            )
        if self._servo.fault:
            return Level.ERROR, f"off, since: {self._servo.fault}. All is well now: enable it again"
        if refused:
            return Level.WARN, f"{refused} commands refused: {self._reason}"
        if not self._servo.enabled:
            return Level.OK, "off, until enabled (deepracer car enable)"
        return Level.OK, "driving" if rate else "stopped: no commands come"


def main() -> None:
    """Serve until the process is asked to end; the car is at rest then."""
    spin(ServoNode)
