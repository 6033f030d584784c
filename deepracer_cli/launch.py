"""deepracer launch: start the nodes of a ROS 2 launch file, also where ROS 2 has no launch."""

from pathlib import Path
from typing import Annotated

import typer


def launch(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="train, sim, teleop, replay, car, world, gz, or the path of a launch file.",
        ),
    ],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME:=VALUE", help="Its arguments.")
    ] = None,
    show_args: Annotated[
        bool, typer.Option("--show-args", "-s", help="Show the file's arguments and exit.")
    ] = False,
) -> None:
    """Start the nodes of a ROS 2 launch file. Ctrl-C ends them all.

    It reads what `ros2 launch deepracer_ros FILE` reads, and needs no ROS installation.
    """
    from deepracer_cli.launch_file import find, parse_arguments, processes

    path = find(file)
    if show_args:
        return _show_arguments(path, parse_arguments(values or []))
    described = processes(path, parse_arguments(values or []))
    _prepare_ros()

    from deepracer_cli.launch_run import run

    raise typer.Exit(run(described))


def _prepare_ros() -> None:
    """Make the messages that ROS comes without. Raises UserError where there is no ROS."""
    from deepracer_cli.interfaces import interfaces
    from deepracer_ros.interfaces import missing
    from deepracer_ros.process import check_environment

    check_environment()
    if missing():
        interfaces()


def _show_arguments(path: Path, values: dict[str, str]) -> None:
    from deepracer_cli.launch_file import arguments

    print("Arguments (pass arguments as '<name>:=<value>'):")
    for argument in arguments(path, values):
        default = "required" if argument.default is None else f"default: {argument.default!r}"
        print(f"\n    {argument.name!r}:\n        {argument.description}\n        ({default})")
