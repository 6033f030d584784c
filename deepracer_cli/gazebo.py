"""`deepracer gazebo`: the real Gazebo 11, where it comes from, and world files for Gazebo."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Gazebo: get Gazebo 11, make world files.", no_args_is_help=True)


class Flavors(str, Enum):
    """Which Gazebo a world file is for."""

    CLASSIC = "classic"  # Gazebo 11
    GZ = "gz"  # gz sim, Harmonic and later


@app.command()
def install() -> None:
    """Get Gazebo 11 on a Debian machine without it, and compile the plugin for it; once."""
    from deepracer_sim.gazebo.install import install

    installation = install(lambda message: print(message, flush=True))
    print(f"Gazebo 11 is ready, in {installation.root}.")


@app.command()
def world(
    track: Annotated[
        str,
        typer.Argument(
            metavar="TRACK", help="A track's name, or the path of a .yaml or .npy file."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write the world to.")],
    flavor: Annotated[
        Flavors, typer.Option(help="For Gazebo 11 (classic), or gz sim, Harmonic and later (gz).")
    ] = Flavors.CLASSIC,
    car: Annotated[str, typer.Option(help="Car profile of config/car.yaml.")] = "aws_sim",
    camera: Annotated[str, typer.Option(help="Camera preset of config/camera.yaml.")] = "aws_sim",
) -> None:
    """Write a track, with the car on its start line, as a world file for Gazebo."""
    from deepracer_sim.camera import load_camera
    from deepracer_sim.car import load_car
    from deepracer_sim.gazebo.flavor import CLASSIC
    from deepracer_sim.gazebo.gz import gz_flavor
    from deepracer_sim.gazebo.sdf import write_world
    from deepracer_sim.track_files import load_track

    is_gz, profile = flavor is Flavors.GZ, load_car(car)
    kind = gz_flavor(profile) if is_gz else CLASSIC
    path = write_world(load_track(track), profile, load_camera(camera), out, kind)
    look = f"gz sim {path}" if is_gz else f"GAZEBO_MODEL_PATH={out.resolve()} gazebo {path}"
    print(f"Wrote {path}. Look at it with: {look}")
