"""The node `camera`: what the car sees, as a simulated camera would show it."""

import math
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rclpy.node import Node

from deepracer_hw.camera import locate, shots
from deepracer_hw.capture import Capture
from deepracer_ros.camera_topics import CameraTopics
from deepracer_ros.diagnostics import Level, Meter, Report, report_diagnostics, rivals
from deepracer_ros.messages import to_time
from deepracer_ros.parameters import parameter
from deepracer_ros.process import spin

_MOST_PIXELS = 4096
_SLOW = 0.8  # of the rate that was asked for


class CameraNode(Node):
    """Publishes each picture when it comes, with the time of its capture."""

    def __init__(self) -> None:
        """Begin to read the camera, or to look for it. Raises UserError for a wrong parameter."""
        self._at_end = ExitStack()  # destroy_node is called even if nothing below succeeds
        super().__init__("camera")
        root = Path(parameter(self, "root", "/", "Folder that holds dev; another for a fake car."))
        self._path = locate(
            parameter(self, "device", "0", "Number or path of a device; a video; a folder."), root
        )
        text = "Pictures a second; 0: as many as there are."
        self._rate = parameter(self, "rate", 15.0, text, low=0.0, high=120.0)
        loop = parameter(self, "loop", True, "Show a video or a folder over and over.")
        width, height = (
            parameter(self, name, default, "Of the images, pixels.", low=1, high=_MOST_PIXELS)
            for name, default in (("width", 160), ("height", 120))
        )
        self._topics = self._make_topics(width)
        self._latency = Meter()
        self._was_slow = False
        self._seen = self.create_guard_condition(self._show)
        pictures = partial(shots, self._path, self._rate, (width, height), loop)
        self._capture = Capture(pictures, self._seen.trigger)
        self._at_end.callback(self._capture.close)
        report_diagnostics(self, self._report)
        self._capture.start()

    def _make_topics(self, width: int) -> CameraTopics:
        text = "Of the lens, for camera_info."
        angle = parameter(self, "horizontal_fov_deg", 120.0, text, low=1.0, high=170.0)
        compressed = parameter(self, "compressed", False, "Publish JPEG images, too.")
        return CameraTopics(self, width / 2 / math.tan(math.radians(angle) / 2), compressed)

    def _show(self) -> None:
        shot = self._capture.take()
        if shot is None:  # an older trigger has shown it
            return
        age = time.monotonic() - shot.captured
        now = self.get_clock().now().nanoseconds
        self._topics.show(shot.frame, to_time(now - int(age * 1e9)))
        self._latency.add(time.monotonic() - shot.captured)

    def _report(self) -> Report:
        rate, latency = self._latency.read()
        values = {
            "device": str(self._path),
            "rate (Hz)": f"{rate:.1f}",
            "latency p99 (ms)": f"{latency * 1e3:.1f}",
        }
        if fault := self._capture.fault:
            return Report(Level.ERROR, fault, values)
        faults = rivals(self, self._topics.name)
        slow = rate < _SLOW * self._rate
        if slow and self._was_slow:  # not in the second in which it began
            faults.append(f"{rate:.1f} pictures a second of {self._rate:g}")
        self._was_slow = slow
        level = Level.WARN if faults else Level.OK
        return Report(level, "; ".join(faults) or "seeing", values)

    def destroy_node(self) -> None:
        """End the reading first."""
        self._at_end.close()
        super().destroy_node()


def main() -> None:
    """Show what the car sees until the process is asked to end."""
    spin(CameraNode)
