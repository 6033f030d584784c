"""`deepracer bag`: record topics, play them again, look at what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepracer_cli.options import finite

if TYPE_CHECKING:
    from deepracer_ros.bag import Bag

app = typer.Typer(
    help="Record topics into bags, which `ros2 bag` reads too, and play them.",
    no_args_is_help=True,
)

BagPath = Annotated[
    Path, typer.Argument(metavar="BAG", help="Folder of the bag, or one storage file.")
]
Topics = Annotated[
    list[str] | None, typer.Argument(metavar="[TOPIC]...", show_default="all topics")
]


@app.command()
def record(
    topics: Topics = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for it.", show_default="rosbag2_DATE-TIME"),
    ] = None,
    storage: Annotated[Literal["mcap", "sqlite3"], typer.Option(help="Format.")] = "mcap",
) -> None:
    """Record what is published, until Ctrl-C. Topics that appear later are found."""
    from datetime import datetime

    from deepracer_ros.process import check_environment

    check_environment()
    from deepracer_ros.bag_record import record

    path = out or Path(f"rosbag2_{datetime.now():%Y_%m_%d-%H_%M_%S}")
    recorded = record(path, topics or [], storage)
    print(f"Recorded {recorded.messages:,} messages of {len(recorded.topics)} topics: {path}")
    absent = {f"/{topic.lstrip('/')}" for topic in topics or []}.difference(recorded.topics)
    if absent:
        print(f"Nobody published {', '.join(sorted(absent))}.")


@app.command()
def play(
    bag: BagPath,
    topics: Topics = None,
    rate: Annotated[
        float,
        typer.Option(min=0.01, max=100.0, callback=finite, help="Speed; 2 is twice as fast."),
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin anew at the end.")] = False,
    clock: Annotated[
        bool, typer.Option("--clock", help="Publish the bag's time on /clock.")
    ] = False,
) -> None:
    """Publish again what was recorded."""
    from deepracer_ros.process import check_environment

    check_environment()
    from deepracer_ros.bag import open_bag
    from deepracer_ros.bag_play import play

    with open_bag(bag) as opened:
        _print_faults(opened)
        print(f"Playing {opened.count:,} messages, {opened.duration / rate:.1f} s.", flush=True)
        play(opened, topics or [], rate=rate, loop=loop, clock=clock)


@app.command()
def info(bag: BagPath) -> None:
    """Show what was recorded: topics, types, numbers, rates."""
    from datetime import datetime

    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from deepracer_ros.bag import open_bag

    with open_bag(bag) as opened:
        _print_faults(opened)
        table = Table(title=str(bag))
        for name in ("Topic", "Type"):
            table.add_column(name, overflow="fold")
        for name in ("Messages", "Rate"):
            table.add_column(name, justify="right")
        for topic in opened.topics:
            lasts = topic.messages > 1 and opened.duration > 0.0
            rate = f"{topic.messages / opened.duration:.1f} Hz" if lasts else "-"
            table.add_row(topic.name, topic.type, f"{topic.messages:,}", rate)
        Console(markup=False).print(table)
        begun = f"{datetime.fromtimestamp(opened.start / 1e9):%Y-%m-%d %H:%M:%S}, "
        print(
            f"{begun if opened.count else ''}{opened.duration:.1f} s, {opened.count:,} messages, "
            f"{decimal(opened.size)}, {opened.storage}"
        )


def _print_faults(bag: Bag) -> None:
    """Say what is wrong with a bag that can be read all the same."""
    import sys

    for fault in bag.faults:
        print(f"Warning: {fault}", file=sys.stderr)
