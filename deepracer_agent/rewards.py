"""The reward contract: what a reward function is given, and how it is called.

Degrees and percent are DeepRacer's; they appear only here.
"""

import math
import reprlib
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_agent.reward_file import (
    Params,
    Point,
    RewardError,
    RewardFile,
    import_function,
    read_reward_file,
    same_folder,
    say,
)
from deepracer_agent.time_limit import Overtime, time_limit
from deepracer_sim.referee import Verdict
from deepracer_sim.track import Array, Track

__all__ = [
    "CALL_TIME", "DEFAULT_REWARD", "LIMIT", "Params", "Reward", "RewardError", "builtin_rewards",
    "load_reward", "reward_params",
]  # fmt: skip

DEFAULT_REWARD = "center_line"
LIMIT = 1e5  # rewards are within +-LIMIT
CALL_TIME = 1.0  # s, the longest call
_BUILTIN = Path(__file__).parent / "builtin_rewards"


def builtin_rewards() -> dict[str, Path]:
    """Return the built-in reward functions by name."""
    return {p.stem: p for p in sorted(_BUILTIN.glob("*.py")) if p.stem != "__init__"}


def load_reward(
    name_or_path: str | Path = DEFAULT_REWARD, call_time: float = CALL_TIME
) -> "Reward":
    """Load a built-in reward function by name, or one from a Python file.

    call_time: s, the longest call. Raises RewardError: no such file, syntax error, failing
    import, no function, wrong signature.
    """
    builtin = builtin_rewards()
    path = builtin.get(str(name_or_path), Path(name_or_path))
    try:
        known = path.exists()
    except OSError:  # too long a name, a folder that may not be entered: reading tells
        known = True
    if not known:
        raise RewardError(
            f"No reward function {name_or_path}: neither a file nor one of the built-in ones "
            f"({', '.join(builtin)})."
        )
    return Reward(read_reward_file(path), call_time)


class Reward:
    """A reward function, checked when it is loaded and whenever it is called.

    Each car has its own copy of the user's module: what a function remembers from step to step
    in global variables belongs to one car, as in the service, where a simulator has one car.
    """

    def __init__(self, file: RewardFile, call_time: float = CALL_TIME) -> None:
        """Import the file. Raises RewardError."""
        self.file = file
        self._call_time = call_time
        self._functions = [import_function(file)]

    def __call__(self, params: Sequence[Params]) -> Array:
        """Return the rewards (n,) of cars 0 .. n - 1, finite and within +-LIMIT.

        Raises RewardError, with the line in the user's file, for an exception, for a result that
        is no such number, and for a call that takes too long.
        """
        while len(self._functions) < len(params):
            self._functions.append(import_function(self.file))
        rewards = np.empty(len(params))
        with same_folder(), time_limit(str(self.file.path), self._call_time) as start:
            for car, one in enumerate(params):
                start()
                rewards[car] = self._call(car, one)
        return rewards

    def _call(self, car: int, params: Params) -> float:
        function, line = self._functions[car]
        begin = time.perf_counter()
        try:
            value = function(params)
            number = _number(value)
        except Overtime as overtime:
            raise self._too_long(overtime.line, params) from None
        except (Exception, SystemExit) as error:  # whatever other people's code may raise
            what = f"{say(error)} ({_summary(params)})"
            raise self.file.error(self.file.line_of(error), what) from error
        if time.perf_counter() - begin > self._call_time:
            raise self._too_long(line, params)
        if not -LIMIT <= number <= LIMIT:
            raise self.file.error(line, f"{_complaint(value, number)} ({_summary(params)})")
        return number

    def _too_long(self, line: int, params: Params) -> RewardError:
        what = f"The call took longer than {self._call_time:g} s: an endless loop?"
        return self.file.error(line, f"{what} ({_summary(params)})")


def reward_params(verdict: Verdict, track: Track) -> list[Params]:
    """Return what the reward function is given, one dict for each of n cars.

    Keys, units (m, deg, percent) and types are those of DeepRacer's simulator. Every call makes
    new dicts and lists, with which the function may do what it likes.
    """
    changing = {
        "all_wheels_on_track": verdict.all_wheels_on_track,
        "x": verdict.x,
        "y": verdict.y,
        "heading": np.degrees(verdict.yaw),
        "distance_from_center": verdict.distance_from_center,
        "projection_distance": verdict.s,
        "progress": verdict.progress_pct,
        "steps": verdict.steps,
        "speed": verdict.speed,
        "steering_angle": np.degrees(verdict.steering_angle),
        "track_width": verdict.track_width,
        "closest_waypoints": verdict.closest_waypoints,
        "is_left_of_center": verdict.is_left_of_center,
        "is_reversed": verdict.is_reversed,
        "is_offtrack": verdict.is_offtrack,
        "sim_time": verdict.sim_time,
    }
    rows = zip(*(values.tolist() for values in changing.values()), strict=True)
    params = [dict(zip(changing, row, strict=True)) for row in rows]
    forward, backward = _closed_waypoints(track)
    for one in params:
        one["waypoints"] = list(backward if one["is_reversed"] else forward)
        one["track_length"] = track.length
        one.update(_no_objects())
    return params


@lru_cache(maxsize=64)
def _closed_waypoints(track: Track) -> tuple[list[Point], list[Point]]:
    """Return the waypoints in the track's direction and in the other one; last = first."""
    points = [(x, y) for x, y in track.waypoints.tolist()]
    closed = [*points, points[0]]
    return closed, closed[::-1]


def _no_objects() -> Params:
    """Return the parameters about other things on the track: there are none."""
    return {
        "is_crashed": False,
        "closest_objects": [0, 0],
        "objects_location": [],
        "objects_left_of_center": [],
        "objects_distance": [],
        "objects_distance_from_center": [],
        "objects_speed": [],
        "objects_heading": [],
        "object_in_camera": False,
    }


def _number(value: Any) -> float:
    """Make a number of a result as the service did; NaN of what is none."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()  # newer NumPy's float() takes no array of one
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf
    except (TypeError, ValueError):
        return math.nan


def _complaint(value: Any, number: float) -> str:
    """Say what is wrong with a result that is not accepted."""
    if abs(number) > LIMIT:
        return f"reward_function returned {number:g}: rewards must be within +-{LIMIT:g}."
    kind = type(value).__name__
    hint = " Does every path end in a return?" if value is None else ""
    return f"reward_function returned {_shown(value)} ({kind}), not a finite number.{hint}"


def _summary(params: Params) -> str:
    """Say where the car was; the function may have spoilt the values."""
    shown = {name: _shown(params.get(name)) for name in ("steps", "progress", "x", "y")}
    return "at step {steps}, progress {progress} %, x {x}, y {y}".format(**shown)


def _shown(value: Any) -> str:
    """A value as short text; other people's objects may refuse."""
    with suppress(Exception):
        return f"{value:.4g}" if isinstance(value, float) else reprlib.repr(value)
    return "?"
