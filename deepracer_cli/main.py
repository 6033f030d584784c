"""The command `deepracer`: each file beside this one holds one sub-command or group of them."""

import os
import signal
import sys
from typing import Annotated
from xml.etree import ElementTree

import typer

from deepracer_cli import (
    bag,
    car,
    evaluate,
    export_model,
    gazebo,
    import_model,
    interfaces,
    launch,
    models,
    reward,
    tracks,
    train,
)
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.add_typer(tracks.app, name="tracks")
app.add_typer(reward.app, name="reward")
app.add_typer(models.app, name="models")
app.command("export")(export_model.export)
app.command("import")(import_model.import_)
app.command()(launch.launch)
app.add_typer(bag.app, name="bag")
app.command()(interfaces.interfaces)
app.add_typer(gazebo.app, name="gazebo")
app.add_typer(car.app, name="car")


def print_version(wanted: bool) -> None:
    """Print the version that package.xml states and exit, if that is wanted."""
    if wanted:
        print(ElementTree.parse(share_directory() / "package.xml").findtext("version"))
        raise typer.Exit


@app.callback()
def deepracer(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Teach a small car with a camera to drive, by reinforcement learning, on this computer.

    Start with `deepracer train`, then `deepracer evaluate`.
    """


def main() -> None:
    """Run the command line; exit codes: 0 done, 1 failed, 2 wrong usage, 128 + n by signal n."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores one
            signal.signal(number, _end)
    try:
        run()
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("deepracer_"):
            raise
        print(
            f"Error: this needs the Python package {error.name}, which is not installed here; "
            "`make car` leaves out what learns. To have all: make demo",
            file=sys.stderr,
        )
        sys.exit(1)
    except BrokenPipeError:
        # The reader (`| head`) has left. Python would complain when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ValueError:
        if not sys.stdout.closed:
            raise
        print("Error: a reward function has closed sys.stdout; leave it open.", file=sys.stderr)
        sys.exit(1)


def _end(number: int, _: object) -> None:
    """Leave as after an error: what is open is closed, and what was started ends."""
    sys.exit(128 + number)


def run() -> None:
    """Run the command line and write out what it printed."""
    try:
        app()
    except SystemExit as end:
        if end.code == 130:  # what typer makes of Ctrl-C
            print("Interrupted.", file=sys.stderr)
        raise
    finally:
        if not sys.stdout.closed:  # by other people's code
            sys.stdout.flush()


if __name__ == "__main__":
    main()
