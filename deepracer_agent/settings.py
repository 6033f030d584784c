"""Where a training takes place: tracks, cars, camera, seed. Kept with the checkpoint.

An import writes them on the car too, where no simulator is installed: only who needs that loads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepracer_agent.config_file import check_object, check_type, check_whole, read
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

if TYPE_CHECKING:
    from deepracer_sim.fleet import Fleet
    from deepracer_sim.world import World

FILE = "settings.json"
MOST_CARS = 1024
LARGEST_SEED = 2**32 - 1  # what numpy's generator takes
_SLOWEST = 0.25  # m/s, mean speed below which a lap is given up


@dataclass(frozen=True)
class Settings:
    """Where a driver learns."""

    tracks: tuple[str, ...] = ("reinvent_2018",)
    """Shipped names, files, or random:N; the cars are spread over them."""
    car: str = "aws_sim"
    """Profile of config/car.yaml."""
    camera: str = "aws_sim"
    """Preset of config/camera.yaml."""
    cars: int = 64
    """Cars that learn at once."""
    seed: int = 0
    """Of the network's first weights, the exploration and generated tracks."""
    clockwise: bool = False
    """Drive the tracks against their own direction."""
    alternate: bool = False
    """Change the direction with every episode."""
    randomize: str = "mild"
    """How much cars and cameras differ while they learn: a preset of deepracer_sim/randomize.py."""
    world: str = "embedded"
    """What simulates: embedded or gazebo."""


def save_settings(settings: Settings, folder: Path) -> None:
    """Write settings.json. Raises UserError if the disk refuses."""
    write_atomic(folder / FILE, json.dumps(asdict(settings), indent=2) + "\n")


def load_settings(folder: Path) -> Settings:
    """Read settings.json. Raises UserError where it is missing or damaged."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{path} is missing: this model was not trained here.")
    return read(path, _settings)


def _settings(data: dict[str, Any]) -> Settings:
    from deepracer_sim.randomize import check_preset

    # models from before there was a choice
    data = {"world": "embedded", "randomize": "off"} | data
    check_object(data, "", Settings.__annotations__)
    tracks = check_type(data["tracks"], "tracks", list, "a list of names")
    if not tracks:
        raise UserError("tracks is empty; accepted is a list of one name or more.")
    return Settings(
        tracks=tuple(check_type(track, "a track", str, "a name") for track in tracks),
        car=check_type(data["car"], "car", str, "a name"),
        camera=check_type(data["camera"], "camera", str, "a name"),
        cars=check_whole(data["cars"], "cars", 1, MOST_CARS),
        seed=check_whole(data["seed"], "seed", 0, LARGEST_SEED),
        clockwise=check_type(data["clockwise"], "clockwise", bool, "true or false"),
        alternate=check_type(data["alternate"], "alternate", bool, "true or false"),
        world=check_type(data["world"], "world", str, "a name"),
        randomize=check_preset(check_type(data["randomize"], "randomize", str, "a name")),
    )


def build_fleet(
    settings: Settings, n: int, *, round_robin: bool = True, randomize: str = "off"
) -> Fleet:
    """Put n cars on the tracks, as evenly as they go. Raises UserError for too few cars.

    randomize: for learning, settings.randomize; who judges a driver leaves it off.
    """
    from deepracer_sim.camera import load_camera
    from deepracer_sim.car import load_car
    from deepracer_sim.track_files import resolve_tracks
    from deepracer_sim.worlds import make_world

    tracks = resolve_tracks(settings.tracks, settings.seed)
    if n < len(tracks):
        raise UserError(
            f"{n} cars cannot drive on {len(tracks)} tracks: use at least one car a track."
        )
    car, camera = load_car(settings.car), load_camera(settings.camera)
    share, extra = divmod(n, len(tracks))
    worlds = [
        make_world(
            settings.world,
            track,
            share + (number < extra),
            car,
            camera,
            randomize,
            (settings.seed, number),
        )
        for number, track in enumerate(tracks)
    ]
    return gather_fleet(settings, worlds, round_robin=round_robin)


def gather_fleet(settings: Settings, worlds: Sequence[World], *, round_robin: bool = True) -> Fleet:
    """Make one fleet of the cars of several worlds, driven as the settings say."""
    from deepracer_sim.fleet import Fleet

    return Fleet(
        worlds,
        time_limit=max(60.0, max(world.track.length for world in worlds) / _SLOWEST),
        clockwise=settings.clockwise,
        alternate=settings.alternate,
        round_robin=round_robin,
    )
