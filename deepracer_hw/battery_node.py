"""The node `battery`: how full the stock car's battery is."""

import math
from pathlib import Path

from rclpy.node import Node
from sensor_msgs.msg import BatteryState

from deepracer_hw.battery import MOST, find_gauge, read_level
from deepracer_ros.diagnostics import Level, Report, report_diagnostics
from deepracer_ros.parameters import parameter
from deepracer_ros.process import spin

_PERIOD = 5.0  # s
_LOW = 3  # of 11


class BatteryNode(Node):
    """Publishes what the gauge says; without one it says so, once."""

    def __init__(self) -> None:
        """Look for the gauge. Raises UserError for a wrong parameter."""
        super().__init__("battery")
        text = "Folder that holds dev and sys; another for a fake car."
        self._gauge = find_gauge(Path(parameter(self, "root", "/", text)))
        self._level = -1
        self._fault = ""
        self._state = self.create_publisher(BatteryState, "battery", 10)
        report_diagnostics(self, self._report)
        if self._gauge is None:
            self.get_logger().info("This car has no battery gauge; all else works without.")
            return
        self.create_timer(_PERIOD, self._show)
        self._show()

    def _show(self) -> None:
        assert self._gauge is not None
        try:
            self._level, self._fault = read_level(self._gauge), ""
        except OSError as error:
            self._level = -1
            self._fault = f"{self._gauge}: {error.strerror or error}; is this user in group i2c?"
        self._state.publish(self._message())

    def _message(self) -> BatteryState:
        """The level as a share; of volts and amperes the gauge knows nothing."""
        unknown = ("voltage", "temperature", "current", "charge", "capacity", "design_capacity")
        state = BatteryState(**dict.fromkeys(unknown, math.nan))
        state.header.stamp = self.get_clock().now().to_msg()
        state.percentage = self._level / MOST if self._level >= 0 else math.nan
        state.present = self._level >= 0
        return state

    def _report(self) -> Report:
        values = {"gauge": str(self._gauge or "none"), "level (0 to 11)": str(self._level)}
        if self._fault:
            return Report(Level.WARN, self._fault, values)
        if 0 <= self._level < _LOW:
            return Report(Level.WARN, f"charge the battery: level {self._level} of 11", values)
        return Report(Level.OK, "known" if self._level >= 0 else "no gauge, or no answer", values)


def main() -> None:
    """Say how full the battery is until the process is asked to end."""
    spin(BatteryNode)
