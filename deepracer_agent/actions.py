"""The action space, as DeepRacer's model_metadata.json describes it.

The file speaks degrees; everything in here is SI: steering in rad, left positive, speed in m/s.
This module is on the car's inference path, so it needs numpy and nothing heavier.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.config_file import (
    check_choice,
    check_number,
    check_object,
    check_type,
    check_whole,
    find,
    read,
    shipped,
    shown,
)
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

Array = NDArray[np.float64]

# The service's limits: 30 deg of steering, 4 m/s, 2 to 30 discrete actions.
MAX_STEERING_DEG = 30.0
MIN_SPEED, MAX_SPEED = 0.1, 4.0  # m/s
MIN_ACTIONS, MAX_ACTIONS = 2, 30

VERSION = 5  # of the format that is written; versions 1 to 6 are read
NETWORKS = (
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "DEEP_CONVOLUTIONAL_NETWORK",
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP",
)
ALGORITHMS = ("clipped_ppo", "sac")
SENSORS = ("FRONT_FACING_CAMERA", "observation")  # the second is version 1's name for it
_OTHER_SENSORS = (
    "LEFT_CAMERA",
    "STEREO_CAMERAS",
    "LIDAR",
    "SECTOR_LIDAR",
    "DISCRETIZED_SECTOR_LIDAR",
)
KEYS = (
    "action_space",
    "action_space_type",
    "sensor",
    "neural_network",
    "training_algorithm",
    "version",
    # the service writes these into every file; without a lidar they say nothing
    "lidar_config",
    "preprocess_type",
    "regional_parameters",
)


class Command(NamedTuple):
    """What the car is told to do for one control period."""

    steering_angle: float  # rad, left positive
    speed: float  # m/s


@dataclass(frozen=True)
class DiscreteActions:
    """A list of commands to choose from; the network's output i stands for commands[i]."""

    commands: tuple[Command, ...]

    @cached_property
    def table(self) -> Array:
        """The commands as an array (n_actions, 2), read-only."""
        table = np.array(self.commands, dtype=np.float64)
        table.flags.writeable = False
        return table


@dataclass(frozen=True)
class ContinuousActions:
    """Any command from low to high; the network's output is in [-1, 1] for each of the two."""

    low: Command
    high: Command


@dataclass(frozen=True)
class ModelMetadata:
    """What a model was made for: the content of a model_metadata.json."""

    action_space: DiscreteActions | ContinuousActions
    sensor: str = SENSORS[0]
    neural_network: str = NETWORKS[0]
    training_algorithm: str = ALGORITHMS[0]
    version: int = VERSION  # as read; what is written is always VERSION


def shipped_metadata() -> list[str]:
    """Names that `load_metadata` knows, sorted."""
    return shipped("actions")


def load_metadata(name_or_path: str | Path, *, repeats: bool = False) -> ModelMetadata:
    """Read a model_metadata.json: a shipped name such as "default", or a path.

    repeats: an action may be there twice, as in a few imported models. Raises UserError (file,
    key, value, what is accepted) for everything that DeepRacer or this project does not support.
    """
    return read(find(name_or_path, "actions"), partial(metadata_from_json, repeats=repeats))


def save_metadata(metadata: ModelMetadata, path: Path) -> None:
    """Write a model_metadata.json that DeepRacer's own tools and car read (version 5).

    Raises UserError if the disk refuses.
    """
    write_atomic(path, json.dumps(metadata_to_json(metadata), indent=2) + "\n")


def action_width(metadata: ModelMetadata) -> int:
    """How many numbers the network gives: one an action, or steering and speed."""
    space = metadata.action_space
    return len(space.commands) if isinstance(space, DiscreteActions) else 2


def commands(metadata: ModelMetadata, actions: NDArray[Any]) -> Array:
    """Turn the policy's actions into commands (n, 2): steering angle rad, speed m/s.

    Discrete: `actions` are indices (n,). Continuous: (n, 2), steering then speed, each clipped
    to [-1, 1] and rescaled to [low, high] as DeepRacer does. Raises ValueError for actions of
    another shape, an index outside the list and values that are not finite.
    """
    space = metadata.action_space
    if isinstance(space, DiscreteActions):
        return _discrete_commands(space, actions)
    return _continuous_commands(space, actions)


def _discrete_commands(space: DiscreteActions, indices: NDArray[Any]) -> Array:
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(f"actions are {indices.dtype} {indices.shape}, not indices (n,)")
    if indices.size and not 0 <= indices.min() <= indices.max() < len(space.commands):
        raise ValueError(f"actions {indices} are not all in 0..{len(space.commands) - 1}")
    chosen: Array = space.table[indices]
    return chosen


def _continuous_commands(space: ContinuousActions, actions: NDArray[Any]) -> Array:
    if actions.ndim != 2 or actions.shape[1] != 2:
        raise ValueError(f"actions have shape {actions.shape}, not (n, 2)")
    if not np.isfinite(actions).all():
        raise ValueError(f"actions are not finite: {actions}")
    unit = np.clip(actions, -1.0, 1.0).astype(np.float64)  # (n, 2)
    # this form gives exactly `low` at -1 and exactly `high` at +1
    scaled: Array = (1.0 - unit) / 2 * np.array(space.low) + (1.0 + unit) / 2 * np.array(space.high)
    return scaled


def metadata_from_json(data: dict[str, Any], *, repeats: bool = False) -> ModelMetadata:
    """Check the decoded content of a model_metadata.json; older versions are completed.

    A missing key means what it means to DeepRacer: discrete, clipped_ppo, the shallow network,
    version 1 without a sensor and 2 with one. Numbers may be text, and the one sensor need not be
    in a list, as in files of the service's console. Raises UserError, also for an action that is
    there twice, unless it `repeats`.
    """
    check_object(data, "", KEYS[:1], KEYS[1:])
    data = _numbers(data)
    algorithm = check_choice(
        data.get("training_algorithm", ALGORITHMS[0]), "training_algorithm", ALGORITHMS
    )
    return ModelMetadata(
        action_space=_action_space(data, algorithm, repeats),
        sensor=_sensor(data.get("sensor", ["observation"])),
        neural_network=check_choice(
            data.get("neural_network", NETWORKS[0]), "neural_network", NETWORKS
        ),
        training_algorithm=algorithm,
        version=check_whole(data.get("version", 2 if "sensor" in data else 1), "version", 1, 6),
    )


def metadata_to_json(metadata: ModelMetadata) -> dict[str, Any]:
    """The content of a model_metadata.json, version 5; the inverse of `metadata_from_json`."""
    return {
        **_space_to_json(metadata.action_space),
        "sensor": [metadata.sensor],
        "neural_network": metadata.neural_network,
        "training_algorithm": metadata.training_algorithm,
        "version": str(VERSION),
    }


def _numbers(value: Any, depth: int = 4) -> Any:
    """The same with numbers for texts that are numbers, as deep as an action space goes."""
    if isinstance(value, list) and depth:
        return [_numbers(item, depth - 1) for item in value]
    if isinstance(value, dict) and depth:
        return {key: _numbers(item, depth - 1) for key, item in value.items()}
    if isinstance(value, str) and len(value) <= 32:
        with suppress(ValueError):
            return float(value)
    return value


def _action_space(
    data: dict[str, Any], algorithm: str, repeats: bool
) -> DiscreteActions | ContinuousActions:
    kind = check_choice(
        data.get("action_space_type", "discrete"), "action_space_type", ("discrete", "continuous")
    )
    if kind == "continuous":
        return _continuous(data["action_space"])
    if algorithm == "sac":
        raise UserError(
            "training_algorithm is 'sac' with discrete actions; SAC needs the action_space_type "
            "'continuous', or choose 'clipped_ppo'."
        )
    return _discrete(data["action_space"], repeats)


def _discrete(space: object, repeats: bool) -> DiscreteActions:
    actions = check_type(
        space,
        "action_space",
        list,
        "a list of actions for the action_space_type 'discrete' (which it is if none is given)",
    )
    if not MIN_ACTIONS <= len(actions) <= MAX_ACTIONS:
        raise UserError(
            f"action_space has {len(actions)} actions; accepted are {MIN_ACTIONS} to {MAX_ACTIONS}."
        )
    found = [_discrete_action(action, f"action_space[{i}]") for i, action in enumerate(actions)]
    for i, command in enumerate(found):
        if command in found[:i] and not repeats:
            raise UserError(
                f"action_space[{found.index(command)}] and action_space[{i}] are the same action "
                f"{shown(_degrees(command))}; each action may be given once."
            )
    return DiscreteActions(tuple(found))


def _discrete_action(action: object, where: str) -> Command:
    """Read one action; its "index" is allowed and ignored, as the order is what counts."""
    values = check_object(action, where, ("steering_angle", "speed"), ("index",))
    if "index" in values:
        check_whole(values["index"], f"{where}.index", 0, MAX_ACTIONS)
    return Command(
        _steering(values["steering_angle"], f"{where}.steering_angle"),
        _speed(values["speed"], f"{where}.speed"),
    )


def _continuous(space: object) -> ContinuousActions:
    ranges = check_object(space, "action_space", ("steering_angle", "speed"))
    steering = _low_high(ranges["steering_angle"], "action_space.steering_angle", _steering)
    speed = _low_high(ranges["speed"], "action_space.speed", _speed)
    low, high = (Command(*ends) for ends in zip(steering, speed, strict=True))
    return ContinuousActions(low, high)


def _low_high(
    value: object, where: str, parse: Callable[[object, str], float]
) -> tuple[float, float]:
    ends = check_object(value, where, ("low", "high"))
    low, high = parse(ends["low"], f"{where}.low"), parse(ends["high"], f"{where}.high")
    if low >= high:
        raise UserError(
            f"{where}: low is {ends['low']} and high is {ends['high']}; low must be below high."
        )
    return low, high


def _steering(value: object, key: str) -> float:
    return math.radians(check_number(value, key, -MAX_STEERING_DEG, MAX_STEERING_DEG, "deg"))


def _speed(value: object, key: str) -> float:
    return check_number(value, key, MIN_SPEED, MAX_SPEED, "m/s")


def _sensor(value: object) -> str:
    if isinstance(value, str):
        value = [value]
    names = check_type(value, "sensor", list, f"a list with one sensor, [{SENSORS[0]!r}]")
    for name in names:
        if isinstance(name, str) and name in _OTHER_SENSORS:
            raise UserError(f"sensor {name!r} is not supported yet; accepted is {SENSORS[0]!r}.")
    if len(names) != 1:
        raise UserError(f"sensor names {len(names)} sensors; accepted is one, {SENSORS[0]!r}.")
    return check_choice(names[0], "sensor[0]", SENSORS)


def _space_to_json(space: DiscreteActions | ContinuousActions) -> dict[str, Any]:
    if isinstance(space, DiscreteActions):
        actions = [_degrees(command) for command in space.commands]
        return {"action_space": actions, "action_space_type": "discrete"}
    low, high = _degrees(space.low), _degrees(space.high)
    ranges = {key: {"low": low[key], "high": high[key]} for key in low}
    return {"action_space": ranges, "action_space_type": "continuous"}


def _degrees(command: Command) -> dict[str, float]:
    # 9 digits undo the rounding of deg -> rad -> deg
    angle = round(math.degrees(command.steering_angle), 9)
    return {"steering_angle": angle, "speed": command.speed}
