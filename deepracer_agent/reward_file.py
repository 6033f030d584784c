"""A reward function's file: read, compiled, imported, its signature recognised.

Two signatures work unmodified: `reward_function(params)` and the twelve arguments of 2018.
"""

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from deepracer_agent.time_limit import Overtime, time_limit
from deepracer_sim.errors import UserError

Params = dict[str, Any]
Point = tuple[float, float]

IMPORT_TIME = 30.0  # s, the longest import of a file, with all that it imports
_MAX_BYTES = 1_000_000
_FULL_THROTTLE = 4.0  # m/s, the service's highest speed
_FULL_STEERING = 30.0  # deg, the service's largest angle
_POSITIONAL = (
    "on_track, x, y, distance_from_center, car_orientation, progress, steps, throttle, steering, "
    "track_width, waypoints, closest_waypoint"
)
_ACCEPTED = (
    f"Write def reward_function(params): or, as in 2018, def reward_function({_POSITIONAL}):"
)


class RewardError(UserError):
    """A reward function that cannot be loaded, raises, answers nonsense or does not return."""


class Function(NamedTuple):
    """A reward function that takes `params`, and the line of the file where it is defined."""

    call: Callable[[Params], Any]
    line: int


class RewardFile(NamedTuple):
    """The compiled file of a reward function."""

    path: Path
    source: str
    code: CodeType

    def error(self, line: int, what: str) -> RewardError:
        """Return the error that shows a line of the file (0: none), and says what happened."""
        # as Python counts them: a form feed, for one, ends no line
        lines = self.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if not 1 <= line <= len(lines):
            return RewardError(f"{self.path}: {what}")
        return RewardError(f"{self.path}, line {line}: {what}\n    {lines[line - 1].strip()}")

    def line_of(self, error: BaseException) -> int:
        """Return the innermost line of the file that an exception passed through, 0 if none."""
        line = 0
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == str(self.path):
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return line


def read_reward_file(path: Path) -> RewardFile:
    """Read and compile a file. Raises RewardError: unreadable, too large, syntax error."""
    try:
        with path.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RewardError(f"Cannot read the reward function {path}: {error.strerror}.") from error
    if len(content) > _MAX_BYTES:
        raise RewardError(f"{path} has more than {_MAX_BYTES:,} bytes: that is no reward function.")
    source = content.decode(errors="replace")
    try:
        code = compile(content, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        at = f", line {error.lineno}" if error.lineno else ""
        shown = f"\n    {error.text.strip()}" if error.text else ""
        raise RewardError(f"{path}{at}: {type(error).__name__}: {error.msg}{shown}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nested too deeply
        raise RewardError(f"{path} is not Python code: {error}") from error
    return RewardFile(path, source, code)


def import_function(file: RewardFile) -> Function:
    """Run a file as a module of its own and return its reward function.

    Raises RewardError: the file raises or does not end, no function, a signature not known.
    """
    module = ModuleType("reward_function")
    module.__file__ = str(file.path)
    sys.modules[module.__name__] = module  # dataclasses, for one, look themselves up there
    try:
        with same_folder(), time_limit(str(file.path), IMPORT_TIME) as start:
            start()
            exec(file.code, module.__dict__)
    except Overtime as overtime:
        what = f"The import did not end within {IMPORT_TIME:g} s."
        raise file.error(overtime.line, what) from None
    except (Exception, SystemExit) as error:  # whatever other people's code may raise
        raise file.error(file.line_of(error), say(error)) from error
    function = getattr(module, "reward_function", None)
    if not callable(function):
        found = "is not a function" if hasattr(module, "reward_function") else "is missing"
        raise file.error(0, f"reward_function {found}. {_ACCEPTED}")
    return _recognise(file, function)


@contextmanager
def same_folder() -> Iterator[None]:
    """Come back to the working folder, wherever other people's code goes."""
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = None
    try:
        yield
    finally:
        if here:
            os.chdir(here)


def say(error: BaseException) -> str:
    """Return an exception in words, with the way out where it is known."""
    text = type(error).__name__
    with suppress(Exception):  # other people's exceptions may refuse to be text
        text = f"{text}: {error}".removesuffix(": ")
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f". Install it (pip install {error.name.partition('.')[0]}) or do without it."
    return text


def _recognise(file: RewardFile, function: Callable[..., Any]) -> Function:
    """Tell the two signatures apart by the number of positional parameters."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    line = code.co_firstlineno if code and code.co_filename == str(file.path) else 0
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built-in functions may have none
        raise file.error(line, f"reward_function has no signature. {_ACCEPTED}") from None
    positional = [
        p for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    if len(positional) == 12 and _takes(signature, 12):
        return Function(_positional(function), line)
    if _takes(signature, 1):
        return Function(function, line)
    found = f"reward_function{signature} has {len(positional)} positional parameters."
    raise file.error(line, f"{found} {_ACCEPTED}")


def _takes(signature: inspect.Signature, number: int) -> bool:
    """Whether a call with that many positional arguments, and no others, is possible."""
    try:
        signature.bind(*range(number))
    except TypeError:
        return False
    return True


def _positional(function: Callable[..., Any]) -> Callable[[Params], Any]:
    """Let a function of 2018 take `params`: rad, fractions, and waypoints with their direction."""
    seen: list[Point] = []
    directed: list[tuple[float, float, float]] = []

    def call(params: Params) -> Any:
        nonlocal seen, directed
        waypoints = params["waypoints"]
        if waypoints != seen:  # a look at each pointer, as long as the track is the same
            seen, directed = waypoints, _with_direction(waypoints)
        return function(
            params["distance_from_center"] <= 0.5 * params["track_width"],
            params["x"],
            params["y"],
            params["distance_from_center"],
            math.radians(params["heading"]),
            0.01 * params["progress"],
            params["steps"],
            min(max(params["speed"] / _FULL_THROTTLE, 0.0), 1.0),
            min(max(params["steering_angle"] / _FULL_STEERING, -1.0), 1.0),
            params["track_width"],
            directed.copy(),
            _closest_waypoint(params),
        )

    return call


def _with_direction(waypoints: list[Point]) -> list[tuple[float, float, float]]:
    """Return x, y and the direction to the next waypoint, rad; the list is closed."""
    ahead = waypoints[1:] + waypoints[1:2]
    return [
        (x, y, math.atan2(y_ahead - y, x_ahead - x))
        for (x, y), (x_ahead, y_ahead) in zip(waypoints, ahead, strict=True)
    ]


def _closest_waypoint(params: Params) -> int:
    """Return the nearer one of the waypoints behind and ahead, below len(waypoints) - 1."""
    position = (params["x"], params["y"])
    waypoints = params["waypoints"]
    nearer = min(params["closest_waypoints"], key=lambda i: math.dist(position, waypoints[i]))
    return int(nearer % (len(waypoints) - 1))
