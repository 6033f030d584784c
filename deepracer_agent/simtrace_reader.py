"""Traces of steps read back from CSV: our own, the service's and those of its successors."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.config_file import read_text, shown, suggestion
from deepracer_agent.simtrace import COLUMNS, MAX_BYTES, Array, Bools, Ints
from deepracer_sim.errors import UserError

_REQUIRED = COLUMNS[:16]  # older logs lack the others
_LARGE = 1e15


class Trace(NamedTuple):
    """A trace: arrays (steps,), in the order of the file. SI units."""

    episode: Ints  # from 0
    steps: Ints  # within the episode, from 1
    x: Array  # m, of the car's front point
    y: Array  # m
    yaw: Array  # rad
    steering_angle: Array  # rad, as commanded, left positive
    speed: Array  # m/s, as commanded
    action: Ints  # index; -1 for continuous actions
    reward: Array
    done: Bools
    all_wheels_on_track: Bools
    progress_pct: Array
    closest_waypoint: Ints
    track_length: Array  # m
    time: Array  # s of simulated time
    status: NDArray[np.str_]  # "prepare" on an episode's first step, "in_progress", "off_track"


def read_trace(path: Path) -> Trace:
    """Read one file of a trace.

    Raises UserError with line and column where it is not such a file.
    """
    try:
        return _trace(_columns(list(csv.reader(read_text(path, MAX_BYTES).splitlines()))))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except csv.Error as error:
        raise UserError(f"{path}: this is not CSV: {error}.") from error


def _columns(rows: list[list[str]]) -> dict[str, list[str]]:
    """Turn rows, the header first, into columns by name; all rows must be equally long."""
    header = rows[0] if rows else []
    for name in _REQUIRED:
        if name not in header:
            raise UserError(
                f"line 1: there is no column {name!r}.{suggestion(name, header)} "
                "Expected a file of DeepRacer's training-simtrace or evaluation-simtrace."
            )
    for line, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise UserError(f"line {line}: {len(row)} values for {len(header)} columns.")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def _trace(columns: dict[str, list[str]]) -> Trace:
    def numbers(name: str) -> Array:
        return np.array(_parsed(columns, name, _number, "a finite number"), np.float64)

    def whole(name: str) -> Ints:  # the service writes steps as 1.0
        return numbers(name).astype(np.int64)

    def flags(name: str) -> Bools:
        return np.array(_parsed(columns, name, _flag, "True or False"), np.bool_)

    return Trace(
        episode=whole("episode"),
        steps=whole("steps"),
        x=numbers("X"),
        y=numbers("Y"),
        yaw=np.radians(numbers("yaw")),
        steering_angle=np.radians(numbers("steer")),
        speed=numbers("throttle"),
        action=np.array([_index(text) for text in columns["action"]], np.int64),
        reward=numbers("reward"),
        done=flags("done"),
        all_wheels_on_track=flags("all_wheels_on_track"),
        progress_pct=numbers("progress"),
        closest_waypoint=whole("closest_waypoint"),
        track_length=numbers("track_len"),
        time=numbers("tstamp"),
        status=np.array(columns["episode_status"], np.str_),
    )


def _parsed(
    columns: dict[str, list[str]], name: str, parse: Callable[[str], float], accepted: str
) -> list[float]:
    found = []
    for line, text in enumerate(columns[name], start=2):
        try:
            found.append(parse(text))
        except ValueError as error:
            raise UserError(
                f"line {line}, column {name!r} is {shown(text)}; accepted is {accepted}."
            ) from error
    return found


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) < _LARGE:
        raise ValueError(text)
    return value


def _flag(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def _index(text: str) -> int:
    """An action's index; -1 for a continuous action, which `steer` and `throttle` tell."""
    return int(text) if text.isdecimal() and len(text) < 6 else -1
