"""The node `agent`: a trained model at the wheel, from camera/image_raw to drive.

The same node drives the embedded world, Gazebo and the car.
"""

import math
import time
from typing import Any

from builtin_interfaces.msg import Time
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from deepracer_agent.actions import MAX_SPEED, Command
from deepracer_agent.driver import STOP, Driver
from deepracer_agent.model import find_model
from deepracer_agent.policy import Policy
from deepracer_ros.diagnostics import Level, Meter, Report, report_diagnostics, rivals
from deepracer_ros.messages import (
    AckermannDriveStamped,
    read_image,
    to_drive,
    to_nanoseconds,
    to_time,
)
from deepracer_ros.parameters import checked, parameter
from deepracer_ros.process import spin
from deepracer_ros.topics import COMMAND, NEWEST
from deepracer_sim.errors import UserError

_STOP_PERIOD = 0.1  # s of the node's clock between two stop commands; twice is the longest blind
_PATIENCE = 5.0  # s after the start until a silent camera is worth a warning
_NUMBERS = {  # from 0 to their default
    "max_speed": (MAX_SPEED, "The largest speed to command, m/s."),
    "throttle_scale": (1.0, "Factor on the model's speed, 0 to 1."),
}


class AgentNode(Node):
    """Answers each good image with a command, and sends stop commands while none come."""

    def __init__(self) -> None:
        """Load the model. Raises UserError where it or a parameter is not good."""
        super().__init__("agent")
        self._driver = self._make_driver()
        self.add_on_set_parameters_callback(self._change)
        self._started = time.monotonic()
        self._images = self._refused = self._refused_before = 0
        self._reason = ""  # of the last refusal
        self._latency = Meter()  # of the node's clock, which stands still within simulated steps
        self._work = Meter()  # of the wall's
        self._drive = self.create_publisher(AckermannDriveStamped, "drive", COMMAND)
        self._camera = self.create_subscription(Image, "camera/image_raw", self._on_image, NEWEST)
        self._watch = self.create_timer(_STOP_PERIOD, self._stop_if_blind)
        report_diagnostics(self, self._report)
        self.get_logger().info(f"The model {self._driver.policy.folder} is at the wheel.")

    def _make_driver(self) -> Driver:
        words = "Name or folder of the model; the newest if empty."
        model = parameter(self, "model", "", words, read_only=False)
        numbers = {
            name: parameter(self, name, high, words, low=0.0, high=high, read_only=False)
            for name, (high, words) in _NUMBERS.items()
        }
        return Driver(Policy(find_model(model or None)), **numbers)

    def _change(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Take new values of parameters, all or none; what drove drives on until then."""
        try:
            changes = dict(_setting(one) for one in parameters if one.name in (*_NUMBERS, "model"))
        except (UserError, OSError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        for attribute, value in changes.items():
            setattr(self._driver, attribute, value)
        return SetParametersResult(successful=True)

    def _on_image(self, message: Image) -> None:
        began = time.perf_counter()
        self._images += 1
        stamp = to_nanoseconds(message.header.stamp)
        try:
            command = self._driver.drive(read_image(message), stamp, self._now())
        except ValueError as error:
            self._refused += 1
            self._reason = str(error)
            return
        self._publish(command, message.header.stamp)
        self._latency.add((self._now() - stamp) / 1e9)
        self._work.add(time.perf_counter() - began)
        self._watch.reset()

    def _stop_if_blind(self) -> None:
        now = self._now()
        if self._driver.is_blind(now):
            self._publish(STOP, to_time(now))

    def _publish(self, command: Command, stamp: Time) -> None:
        """The last gate before the car: what is not a number stops it."""
        good = all(map(math.isfinite, command))
        self._drive.publish(to_drive(*(command if good else STOP), stamp))

    def _now(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> Report:
        rate, latency = self._latency.read()
        values = {
            "model": str(self._driver.policy.folder),
            "rate (Hz)": f"{rate:.1f}",
            "latency p99 (ms)": f"{latency * 1e3:.1f}",
            "computing p99 (ms)": f"{self._work.read()[1] * 1e3:.1f}",
            "images refused": str(self._refused),
            "last refused because": self._reason,
        }
        faults = [*self._camera_faults(), *rivals(self, self._drive.topic_name)]
        if faults:
            return Report(Level.WARN, "; ".join(faults), values)
        return Report(Level.OK, "driving" if rate else "waiting for images", values)

    def _camera_faults(self) -> list[str]:
        """What is wrong with the images, since the last call."""
        faults, topic = [], self._camera.topic_name
        refused, self._refused_before = self._refused - self._refused_before, self._refused
        if refused:
            faults.append(f"{refused} images on {topic} refused: {self._reason}")
        if not self._images and time.monotonic() - self._started > _PATIENCE:
            domain = self.context.get_domain_id()
            faults.append(
                f"no camera heard on {topic} since the start: does one run, on this network, "
                f"with this ROS_DOMAIN_ID ({domain})?"
            )
        elif self._images and self._driver.is_blind(self._now()):
            faults.append(f"no good image on {topic} for 0.2 s: the car is told to stop")
        return faults


def _setting(new: Parameter[Any]) -> tuple[str, Any]:
    """The driver's attribute that a parameter sets, and its value. Raises UserError."""
    if new.name == "model":
        return "policy", Policy(find_model(checked("model", new.value, "") or None))
    high, _ = _NUMBERS[new.name]
    return new.name, checked(new.name, new.value, high, 0.0, high)


def main() -> None:
    """Drive until the process is asked to end."""
    spin(AgentNode)
