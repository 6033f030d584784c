"""`deepracer train`: teach a driver, and watch how it gets on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepracer_cli.options import finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from deepracer_agent.progress import Progress
    from deepracer_agent.recipe import Budget, Files, Recipe

DEFAULT_MINUTES = 2.0
_LOG_EVERY = 10.0  # s
_GAZEBO_CARS = 2  # each keeps a processor busy


def train(
    name: Annotated[
        str | None, typer.Option(help="Name of the model.", show_default="model-1, model-2, ...")
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Where to drive: a shipped track, a .yaml or .npy file, or random:N for N "
            "generated tracks. May be given more than once.",
            show_default="reinvent_2018",
        ),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(
            help="What to strive for: a built-in reward (deepracer reward list) or your own "
            "Python file.",
            show_default="center_line",
        ),
    ] = None,
    actions: Annotated[
        str | None,
        typer.Option(
            help="What the car can do: default, continuous, fast, service_2022, sac, or your own "
            "model_metadata.json.",
            show_default="default",
        ),
    ] = None,
    hyperparameters: Annotated[
        str | None,
        typer.Option(
            help="How to learn: default, sac, or your own hyperparameters.json.",
            show_default="sac for --actions with SAC, else default",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            callback=finite,
            help="Train for this long.",
            show_default=f"{DEFAULT_MINUTES:g}",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Train for this many steps of all cars together.")
    ] = None,
    lap_rate: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=100,
            callback=finite,
            help="Train until this many of the last 100 episodes are laps; of randomised cars "
            "fewer are.",
        ),
    ] = None,
    cars: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Cars that learn at once; in Gazebo 2 if not given.",
            show_default="64",
        ),
    ] = None,
    car: Annotated[
        str | None, typer.Option(help="Car profile of config/car.yaml.", show_default="aws_sim")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(help="Camera preset of config/camera.yaml.", show_default="aws_sim"),
    ] = None,
    clockwise: Annotated[
        bool | None, typer.Option("--clockwise", help="Drive the tracks the other way round.")
    ] = None,
    alternate: Annotated[
        bool | None, typer.Option("--alternate", help="Change the direction with every episode.")
    ] = None,
    world: Annotated[
        str | None,
        typer.Option(help="What simulates: embedded or gazebo.", show_default="embedded"),
    ] = None,
    randomize: Annotated[
        str | None,
        typer.Option(
            help="How much cars, cameras and light differ while they learn, so that the driver "
            "drives others, too: off, mild, strong.",
            show_default="mild",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="Two trainings with the same seed and --steps are equal.",
            show_default="0",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the model --name (or the newest). It keeps what it was trained "
            "with, but for what you give anew.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model of that name.")
    ] = False,
) -> None:
    """Train a driver from camera pixels.

    The model goes to models/NAME. Ctrl-C ends the training early and keeps what was learned.
    """
    from deepracer_agent.model import find_model
    from deepracer_agent.recipe import Budget, Files, old_recipe

    given = {
        "tracks": tuple(track) if track else None,
        "world": world,
        "cars": _GAZEBO_CARS if cars is None and world == "gazebo" else cars,
        "car": car,
        "camera": camera,
        "clockwise": clockwise,
        "alternate": alternate,
        "randomize": randomize,
        "seed": seed,
    }
    settings = {key: value for key, value in given.items() if value is not None}
    files = Files(reward, actions, hyperparameters)
    if world == "gazebo":
        if randomize not in (None, "off"):
            raise typer.BadParameter("Gazebo's cars cannot be randomised: leave --randomize out.")
        settings["randomize"] = "off"
    if resume and overwrite:
        raise typer.BadParameter("--resume goes on with a model, --overwrite replaces it.")
    if minutes is steps is lap_rate is None:
        minutes = DEFAULT_MINUTES
    budget = Budget(minutes, steps, None if lap_rate is None else lap_rate / 100)
    if resume:
        model = find_model(name)
        recipe = old_recipe(model, files, settings)
    else:
        model, recipe = _new(name, files, settings, overwrite)
    _run(model, recipe, budget, resume)


def _new(
    name: str | None, files: Files, settings: dict[str, Any], overwrite: bool
) -> tuple[Path, Recipe]:
    """Read what a new model is made of; all of it is checked before an old one is removed."""
    from deepracer_agent.model import new_model, remove_model
    from deepracer_agent.recipe import new_recipe
    from deepracer_agent.settings import build_fleet
    from deepracer_sim.gazebo.installation import find as find_gazebo

    recipe = new_recipe(files, settings)
    model = new_model(name, overwrite=overwrite)
    if model.exists():
        if recipe.settings.world == "gazebo":
            find_gazebo()
        build_fleet(replace(recipe.settings, world="embedded"), recipe.settings.cars).close()
        remove_model(model)
    return model, recipe


def _run(model: Path, recipe: Recipe, budget: Budget, resume: bool) -> None:
    """Train with a progress bar; say where the model is, and how to go on."""
    from rich.console import Console

    from deepracer_agent.hyperparameters import ignored
    from deepracer_agent.model import METADATA
    from deepracer_agent.rewards import RewardError
    from deepracer_agent.train import train as train_model

    console = Console()
    for value in ignored(recipe.hyperparameters):
        console.print(f"Note: the hyperparameter {value} has no effect here.")
    verb = "Going on with" if resume else "Training"
    tracks = ", ".join(recipe.settings.tracks)
    print(f"{verb} {model} on {tracks}; Ctrl-C ends it early.", flush=True)
    screen, show = _screen(console, recipe) if console.is_terminal else _log(console)
    try:
        with screen:
            progress = train_model(model, recipe, budget, show, resume=resume)
    except (KeyboardInterrupt, RewardError):
        if (model / METADATA).is_file():
            print(
                f"{model} holds what was learned; go on with: "
                f"deepracer train --name {model.name} --resume"
            )
        else:
            print("Nothing was learned yet, so no model is kept.")
        raise
    print(_summary(progress))
    print(f"The model is in {model}. See it drive: deepracer evaluate {model.name}")


def _screen(console: Console, recipe: Recipe) -> tuple[Any, Callable[[Progress], None]]:
    """A map with the cars and a progress bar, and the function that moves them."""
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from deepracer_cli.terminal_map import TerminalMap
    from deepracer_sim.track_files import resolve_tracks

    view = TerminalMap(resolve_tracks(recipe.settings.tracks, recipe.settings.seed)[0])
    columns = [BarColumn(bar_width=20), TextColumn("{task.description}"), TimeElapsedColumn()]
    bar = Bar(*columns, console=console)
    task = bar.add_task("preparing ...", total=1.0)
    live = Live(bar, console=console, refresh_per_second=4)

    def show(progress: Progress) -> None:
        bar.update(task, completed=progress.done, description=_line(progress))
        live.update(Group(view.draw(progress.cars), bar))

    return live, show


def _log(console: Console) -> tuple[Any, Callable[[Progress], None]]:
    """Where nobody watches: a line now and then."""
    from contextlib import nullcontext

    told = [0.0]

    def show(progress: Progress) -> None:
        if progress.seconds - told[0] >= _LOG_EVERY or progress.done >= 1.0:
            told[0] = progress.seconds
            console.print(f"{progress.seconds:5.0f} s  {_line(progress)}")

    return nullcontext(), show


def _line(progress: Progress) -> str:
    """Lap rate, mean progress, mean reward, speed and time left, on one line."""
    speed = progress.steps / progress.seconds if progress.seconds else 0.0
    recent = progress.recent
    if recent.lap_rate != recent.lap_rate:  # NaN: no episode has ended yet
        how = "first episodes ..."
    else:
        how = (
            f"laps [bold]{recent.lap_rate:.0%}[/] · progress {recent.progress_pct:.0f}% · "
            f"reward {recent.reward:.0f}"
        )
    if 0.0 < progress.done < 1.0:
        left = progress.seconds * (1 - progress.done) / progress.done
        return f"{how} · {speed:,.0f} steps/s · {left:.0f} s left"
    return f"{how} · {speed:,.0f} steps/s"


def _summary(progress: Progress) -> str:
    from deepracer_agent.progress import ended_early

    early = ended_early(progress)
    longer = "raise that" if early else "train longer"
    steps = f"{progress.steps:,} steps in {progress.seconds:.0f} s"
    if early:
        steps += f", {early}"
    if progress.first_lap is None:
        return f"{steps}, no complete lap yet: {longer}, or look at the reward."
    lap = f"first complete lap after {progress.first_lap:.0f} s"
    if progress.best_lap_time == float("inf"):
        return f"{steps}, {lap}; without exploration no lap is complete yet: {longer}."
    best = f"{progress.best_progress_pct:.0f}% of the track, {progress.best_lap_time:.1f} s a lap"
    return f"{steps}, {lap}; the best driver: {best}."
