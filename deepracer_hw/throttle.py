"""Speed to throttle. The car has no speed sensor, so this is open loop: a table, or a guess.

Whoever has measured the car writes its speeds, m/s, at some shares of the motor's range into
throttle.json beside the calibration:

    {"throttle": [[0.5, 0.18], [1.0, 0.27], [2.0, 0.45]]}

It is a file of its own since the stock firmware, when it calibrates, writes calibration.json anew
with its own keys only. Without it the stock firmware's curve is taken.
"""

import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from deepracer_hw.calibration import FOLDER, read_object
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

FILE = f"{FOLDER}/throttle.json"

# Between 0 and the largest speed. One of them, 5/6, is where the curve reaches 1; the lines between
# them are 1e-4 off at most.
_STOCK_STEPS = 60


class Limits(NamedTuple):
    """What the car can be asked for."""

    steering_angle: float  # rad, either way
    speed: float  # m/s


class ThrottleTable(NamedTuple):
    """Throttle, 0 to 1, at speeds, m/s, that rise from 0."""

    speeds: tuple[float, ...]
    throttles: tuple[float, ...]

    def throttle(self, speed: float) -> float:
        """The throttle, -1 to 1, of a speed, m/s; backwards as forwards, flat beyond the end."""
        return math.copysign(np.interp(abs(speed), self.speeds, self.throttles), speed)


def load_limits() -> Limits:
    """Read the limits of the physical car from config/car.yaml."""
    data = yaml.safe_load((share_directory() / "config" / "car.yaml").read_text(encoding="utf-8"))
    car = {**data["common"], **data["profiles"]["deepracer"]}
    return Limits(math.radians(car["max_steering_angle_deg"]), float(car["max_speed"]))


def load_throttle(root: Path, max_speed: float) -> ThrottleTable:
    """Read the car's own table; the stock curve where there is none. Raises UserError."""
    path = root / FILE
    try:
        path.stat()
    except FileNotFoundError:
        return stock_throttle(max_speed)
    except OSError:
        pass  # why is told next
    points = read_object(path, "What it holds: docs/car.md, Calibrate.").get("throttle")
    if not isinstance(points, list) or not points or not all(map(_is_point, points)):
        raise UserError(f'{path}: expected {{"throttle": [[speed in m/s, 0 to 1], ...]}}.')
    points = [[0.0, 0.0], *points]
    for (slower, less), (faster, more) in pairwise(points):
        if not (slower < faster and less <= more):
            raise UserError(
                f"{path}: speed and throttle must rise from line to line (the first speed is "
                f"above 0), but {[slower, less]} is followed by {[faster, more]}."
            )
    speeds, throttles = zip(*points, strict=True)
    return ThrottleTable(speeds, throttles)


def stock_throttle(max_speed: float) -> ThrottleTable:
    """The stock firmware's curve through (0, 0), half the largest speed at 0.8, all of it at 1.

    Its navigation node has throttle = a v^2 + b v, a = -1.2 / max_speed^2, b = 2.2 / max_speed.
    """
    shares = [step / _STOCK_STEPS for step in range(_STOCK_STEPS + 1)]
    speeds = tuple(share * max_speed for share in shares)
    return ThrottleTable(speeds, tuple(min(2.2 * x - 1.2 * x * x, 1.0) for x in shares))


def _is_point(point: Any) -> bool:
    """Whether it is a finite speed with a throttle from 0 to 1."""
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(number) in (int, float) for number in point)
        and 0 < point[0] <= sys.float_info.max  # a long whole number is no float
        and 0 <= point[1] <= 1
    )
