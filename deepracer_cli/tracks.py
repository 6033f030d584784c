"""deepracer tracks: look at tracks, check and import them, make new ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deepracer_sim.track import Track

app = typer.Typer(
    help="Look at tracks, check and import them, make new ones.", no_args_is_help=True
)

TrackName = Annotated[
    str,
    typer.Argument(metavar="TRACK", help="A track's name, or the path of a .yaml or .npy file."),
]
YamlFile = Annotated[
    Path, typer.Option("--out", metavar="FILE.yaml", help="Where to write the track.")
]


@app.command("list")
def list_tracks() -> None:
    """List the tracks that come with the project."""
    from rich.console import Console
    from rich.table import Table

    from deepracer_sim.track_files import load_track, shipped_tracks

    table = Table("track")
    for name in ("length", "width", "min radius", "direction"):
        table.add_column(name, justify="right")
    for name in shipped_tracks():
        facts = _facts(load_track(name))
        table.add_row(name, *(facts[str(column.header)] for column in table.columns[1:]))
    Console().print(table)


@app.command()
def show(
    track: TrackName,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the track into this file.")
    ] = None,
) -> None:
    """Print the figures of a track, or draw it."""
    from deepracer_sim.track_files import load_track

    loaded = load_track(track)
    if png:
        from deepracer_sim.track_plot import plot_track

        plot_track(loaded, png)
        print(f"Wrote {png}.")
    else:
        _print_facts(loaded)


@app.command()
def check(track: TrackName) -> None:
    """Check that a track closes, keeps clear of itself and can be driven by the car."""
    from deepracer_sim.track_files import load_track

    _print_facts(load_track(track))
    print("The track is good.")


@app.command("import")
def import_route(
    route: Annotated[
        Path, typer.Argument(metavar="ROUTE.npy", help="A route file of the DeepRacer simulator.")
    ],
    out: YamlFile,
) -> None:
    """Turn a DeepRacer route into a track file; waypoints stay exactly as they are."""
    from deepracer_sim.errors import UserError
    from deepracer_sim.track_files import load_track

    if route.suffix != ".npy":
        raise UserError(f"{route} is no DeepRacer route: those end in .npy.")
    _save(load_track(str(route)), out)


@app.command("random")
def random_(
    out: YamlFile,
    seed: Annotated[
        int, typer.Option(min=0, help="The same number makes the same track again.")
    ] = 0,
) -> None:
    """Make a random track."""
    from deepracer_sim.random_track import random_track

    _save(random_track(seed), out)


def _save(track: "Track", path: Path) -> None:
    from deepracer_sim.errors import UserError
    from deepracer_sim.track_files import save_track

    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"The name of a track file ends in .yaml, found {path}.")
    save_track(track, path)
    print(f"Wrote {path}. Look at it with: deepracer tracks show {path} --png {path.stem}.png")


def _print_facts(track: "Track") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, title=track.name)
    for name, value in _facts(track).items():
        table.add_row(name, value)
    Console().print(table)


def _facts(track: "Track") -> dict[str, str]:
    """Return the figures of a track, ready to print, by name."""
    import numpy as np

    from deepracer_sim.track_check import turns

    width = track.left_width + track.right_width
    edges = np.concatenate((track.left_border, track.right_border))
    extent = np.ptp(edges, axis=0)
    narrow, wide = f"{width.min():.3f}", f"{width.max():.3f}"
    return {
        "length": f"{track.length:.2f} m",
        "width": f"{narrow} m" if narrow == wide else f"{narrow} to {wide} m",
        "min radius": f"{turns(track).radius.min():.2f} m",
        "extent": f"{extent[0]:.2f} x {extent[1]:.2f} m",
        "direction": "counter-clockwise" if track.is_counter_clockwise else "clockwise",
        "waypoints": f"{len(track.waypoints)}",
    }
