"""`deepracer import`: models of DeepRacer's own world."""

from pathlib import Path
from typing import Annotated

import typer


def import_(
    archive: Annotated[
        Path,
        typer.Argument(help="A car's archive, .tar.gz, or a model.pb with its metadata beside it."),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model.", show_default="the archive's")
    ] = None,
) -> None:
    """Make a model of a DeepRacer archive, to evaluate it, race it and drive the car with it."""
    from deepracer_agent.model_import import import_model

    folder = import_model(archive, name, tell=lambda note: print(f"Note: {note}"))
    print(f"Imported {folder}. Drive it: deepracer evaluate {folder.name}")
