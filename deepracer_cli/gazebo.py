"""`deepracer gazebo`: the real Gazebo 11, where it comes from, and world files for Gazebo."""

import shutil
from enum import Enum
from pathlib import Path
from shlex import quote
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
    print(f"Wrote {path}. {_look_gz(path) if is_gz else _look(path, track)}")


def _look_gz(path: Path) -> str:
    where = "Look at it" if shutil.which("gz") else "Where gz sim is installed, look at it"
    return f"{where} with: gz sim {quote(str(path))}"


def _look(path: Path, track: str) -> str:
    if shutil.which("gazebo"):
        models, file = quote(str(path.parent.resolve())), quote(str(path))
        return f"Look at it with: GAZEBO_MODEL_PATH={models} gazebo {file}"
    return (
        "No gazebo is on the PATH to look at it with; the same track in the Gazebo that make "
        "gazebo gets, with a model at the wheel: deepracer launch sim.launch.xml world:=gazebo "
        f"gui:=true {quote(f'track:={track}')}"
    )
