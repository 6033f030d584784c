"""`deepracer evaluate`: laps with a trained driver."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepracer_cli.options import finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepracer_agent.evaluate import Rules, Step, Trial
    from deepracer_agent.settings import Settings
    from deepracer_sim.track import Track


def evaluate(
    model: Annotated[
        str | None, typer.Argument(help="Name or folder of the model.", show_default="the newest")
    ] = None,
    laps: Annotated[int, typer.Option(min=1, max=1000, help="Laps to drive on each track.")] = 10,
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Where to drive: a shipped track, a .yaml or .npy file, or random:N. May be "
            "given more than once.",
            show_default="where the model was trained",
        ),
    ] = None,
    clockwise: Annotated[
        bool | None, typer.Option("--clockwise", help="Drive the tracks the other way round.")
    ] = None,
    car: Annotated[
        str | None, typer.Option(help="Car profile.", show_default="as in training")
    ] = None,
    world: Annotated[
        str | None,
        typer.Option(
            help="What simulates: embedded or gazebo.", show_default="what it was trained in"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**32 - 1, help="Of generated tracks.", show_default="as in training"
        ),
    ] = None,
    off_track_penalty: Annotated[
        float,
        typer.Option(
            min=0.0, max=600.0, callback=finite, help="Seconds to wait after leaving the track."
        ),
    ] = 2.0,
    max_resets: Annotated[
        int, typer.Option(min=0, max=1000, help="Times a car is put back on the track in one lap.")
    ] = 10,
    video: Annotated[
        Path | None,
        typer.Option(help="Film the first track's car: camera and map. .mp4, .webm or .avi"),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(
            help="Picture of the driven lines, coloured by speed.",
            show_default="in the model folder",
        ),
    ] = None,
) -> None:
    """Drive laps with a trained model, without learning.

    The first lap starts from standing, the others flying. Exit code 0, however the laps went.
    """
    from dataclasses import replace

    from deepracer_agent.evaluate import Rules
    from deepracer_agent.model import CHECKPOINT, find_model
    from deepracer_agent.settings import load_settings
    from deepracer_sim.errors import UserError

    if png and png.suffix != ".png":
        raise UserError(f"{png}: the picture of the driven lines ends in .png.")
    for path in filter(None, (video, png)):
        _check_name(path)
    folder = find_model(model)
    given: dict[str, Any] = {
        "tracks": tuple(track) if track else None,
        "clockwise": clockwise,
        "world": world,
        "car": car,
        "seed": seed,
    }
    settings = load_settings(folder / CHECKPOINT)
    for name in () if track else settings.tracks:
        if name.endswith((".yaml", ".npy")) and not os.path.exists(name):
            raise UserError(
                f"{folder} was trained on {name}, which is not found from here: say with --track "
                "where it is, or choose another."
            )
    settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
    _drive(folder, settings, Rules(laps, off_track_penalty, max_resets), video, png)


def _check_name(path: Path) -> None:
    """Refuse, before laps are driven, a name that no file can have here. Raises UserError."""
    from contextlib import suppress

    from deepracer_sim.errors import UserError

    try:
        with suppress(FileNotFoundError):
            path.lstat()
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}.") from error


def _drive(
    folder: Path, settings: Settings, rules: Rules, video: Path | None, png: Path | None
) -> None:
    """Drive, write what was seen into the model folder, and print the table."""
    from contextlib import nullcontext
    from dataclasses import replace
    from datetime import datetime

    from rich.console import Console

    from deepracer_agent.evaluate import drive_laps
    from deepracer_agent.evaluation_files import TraceKeeper, write_trials
    from deepracer_agent.pictures import LinePicture, Video
    from deepracer_agent.policy import Policy
    from deepracer_agent.settings import build_fleet
    from deepracer_sim.track_files import resolve_tracks

    policy = Policy(folder)
    tracks = resolve_tracks(settings.tracks, settings.seed)
    fleet = build_fleet(replace(settings, alternate=False), len(tracks), round_robin=False)
    when = datetime.now()
    lines = [LinePicture(track, number) for number, track in enumerate(tracks)]
    trace = TraceKeeper(folder, when, tracks)
    film = Video(video, fleet.worlds[0], 0) if video else None
    with film or nullcontext():
        watchers: list[Callable[[Step], None]] = [*lines, trace]
        trials = drive_laps(fleet, policy.drive, rules, watchers + ([film] if film else []))
    fleet.close()
    written = write_trials(folder, when, trials)
    trace.write()
    console = Console(markup=False)
    for track, line, one_track in zip(tracks, lines, trials, strict=True):
        suffix = (
            "" if len(tracks) == 1 else "-" + "".join(c if c.isalnum() else "_" for c in track.name)
        )
        path = png or folder / "metrics" / f"lines-{when:%Y%m%d%H%M%S}.png"
        path = path.with_stem(path.stem + suffix)
        _print(console, track, one_track, folder.name)
        line.write(path)
        print(f"Driven lines: {path}")
    if video:
        print(f"Video: {video}")
    print(f"Metrics: {', '.join(map(str, written))}")


def _print(console: object, track: Track, trials: list[Trial], model: str) -> None:
    """Print one track's trials as a table, and how they went in one line."""
    from rich.table import Table

    from deepracer_sim.referee import Status

    table = Table(title=f"{model} on {track.name}")
    for column in ("Trial", "Time", "Progress", "Off-tracks", "Resets", "Status"):
        table.add_column(column, justify="left" if column == "Status" else "right")
    for number, (outcome, resets) in enumerate(trials, start=1):
        table.add_row(
            str(number),
            f"{outcome.end - outcome.start:.3f} s",
            f"{outcome.progress:.0f}%",
            str(resets.count(Status.OFF_TRACK)),
            str(len(resets)),
            outcome.status.label,
        )
    laps = [o.end - o.start for o, _ in trials if o.status == Status.LAP_COMPLETE]
    console.print(table)  # type: ignore[attr-defined]
    line = f"{len(laps)} of {len(trials)} laps complete"
    if laps:
        line += f"; average {sum(laps) / len(laps):.3f} s, best {min(laps):.3f} s"
    console.print(line + ".")  # type: ignore[attr-defined]
