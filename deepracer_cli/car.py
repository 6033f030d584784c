"""`deepracer car`: the physical car, from the bench to the track."""

from pathlib import Path
from typing import Annotated

import typer

from deepracer_cli import car_calibrate

app = typer.Typer(
    help="The physical car: check, calibrate, switch on and off.", no_args_is_help=True
)
app.command()(car_calibrate.calibrate)
app.command()(car_calibrate.stop)


@app.command()
def check(
    root: car_calibrate.Root = Path("/"),
    device: Annotated[str, typer.Option(help="The camera, as car.launch.xml is given it.")] = "0",
) -> None:
    """Say what of the car is there, what is not, and what to do. Nothing moves.

    Exit code 0 only if the car can drive.
    """
    from rich.console import Console
    from rich.table import Table

    from deepracer_hw.check import State, check

    findings = check(root, device)
    table = Table()
    for name in ("", "Part", "Found", "To do"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(finding.state.value, finding.part, finding.found, finding.remedy)
    Console(markup=False).print(table)
    if any(finding.state is State.BAD for finding in findings):
        raise typer.Exit(1)


@app.command()
def enable() -> None:
    """Let motor and servo move, while car.launch.xml runs."""
    _switch(True)


@app.command()
def disable() -> None:
    """Bring the car to rest and switch motor and servo off; the nodes run on."""
    _switch(False)


def _switch(on: bool) -> None:
    from deepracer_ros.process import check_environment

    check_environment()
    from deepracer_hw.ros_switch import switch

    switch(on)
    print("Motor and servo are on." if on else "Motor and servo are off.")
