"""A world in words, so that who drives in it from afar knows track, cars and camera."""

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import yaml

from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters
from deepracer_sim.errors import UserError
from deepracer_sim.track import Track
from deepracer_sim.track_yaml import parse_track, track_document
from deepracer_sim.world import World


class Names(NamedTuple):
    """What a world was asked to be made of, in the words of its user."""

    track: str
    car: str
    camera: str


class Description(NamedTuple):
    """What a world is made of."""

    names: Names
    track: Track
    n: int  # cars
    car: CarParameters
    camera: Camera


def describe(world: World, names: Names) -> str:
    """Return a world's description as YAML."""
    car = {name: np.asarray(value).tolist() for name, value in vars(world.car).items()}
    data = {
        "names": names._asdict(),
        "cars": world.n,
        "car": car,
        "camera": asdict(world.camera),
        "track": yaml.safe_load(track_document(world.track)),
    }
    return str(yaml.safe_dump(data, sort_keys=False))


def read_description(text: str) -> Description:
    """Return what `describe` wrote. Raises UserError for anything else."""
    try:
        data = yaml.safe_load(text)
        return Description(
            names=Names(**data["names"]),
            track=parse_track(data["track"], "the world's track"),
            n=int(data["cars"]),
            car=CarParameters(**{name: _number(value) for name, value in data["car"].items()}),
            camera=Camera(**data["camera"]),
        )
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"The world's description cannot be read ({error}): does it run another version?"
        ) from error


def _number(value: Any) -> Any:
    return np.array(value) if isinstance(value, list) else float(value)
