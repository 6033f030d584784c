"""A world in words, so that who drives in it from afar knows track, cars and camera."""

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import yaml

from deepracer_sim.camera import MOST_PIXELS, Camera
from deepracer_sim.car import CarParameters
from deepracer_sim.errors import UserError
from deepracer_sim.track import Track
from deepracer_sim.track_yaml import parse_track, track_document
from deepracer_sim.world import World

MOST_CARS = 1024
# What a text that is no description may raise, on the way through YAML and the constructors.
_DAMAGE = (
    yaml.YAMLError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)


class Names(NamedTuple):
    """What a world was asked to be made of, in the words of its user."""

    track: str
    car: str
    camera: str
    randomize: str = "off"


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
        n = _whole(data["cars"], MOST_CARS)
        return Description(
            names=Names(**{name: str(value) for name, value in data["names"].items()}),
            track=parse_track(data["track"], "the world's track"),
            n=n,
            car=CarParameters(**{name: _finite(value, n) for name, value in data["car"].items()}),
            camera=_camera(data["camera"]),
        )
    except _DAMAGE as error:
        raise UserError(
            f"The world's description cannot be read ({' '.join(str(error).split())}): "
            "does it run another version?"
        ) from error


def _camera(data: dict[str, Any]) -> Camera:
    size = {name: _whole(data[name], MOST_PIXELS) for name in ("width", "height")}
    return Camera(**{name: _finite(value) for name, value in data.items()} | size)


def _whole(value: Any, high: int) -> int:
    if type(value) is not int or not 1 <= value <= high:
        raise ValueError(f"found {value!r} in place of a whole number from 1 to {high}")
    return value


def _finite(value: Any, n: int = 0) -> Any:
    """A number as float, or n of them as array (n,)."""
    numbers = np.array(value, dtype=np.float64)
    if numbers.shape not in ((), (n,)) or not np.isfinite(numbers).all():
        raise ValueError(f"found {value!r} in place of a number")
    return numbers if numbers.ndim else float(numbers)
