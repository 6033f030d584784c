"""`deepracer models`: what was trained."""

from typing import Annotated

import typer

app = typer.Typer(help="List, show and remove trained models.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the models in models/, oldest first."""
    from rich.console import Console
    from rich.table import Table

    from deepracer_agent.model import list_models
    from deepracer_agent.summary import summarise
    from deepracer_sim.errors import UserError

    folders = list_models()
    if not folders:
        print("There is no model yet. Train one: deepracer train")
        return
    table = Table()
    for column in ("Model", "Tracks", "Actions", "Steps", "Trained", "Progress", "Lap"):
        table.add_column(column)
    damages = []
    for folder in folders:
        try:
            table.add_row(*summarise(folder).row())
        except UserError as error:
            damages.append(error)
            table.add_row(folder.name, "(damaged)")
    Console(markup=False).print(table)
    for damage in damages:
        print(damage)


@app.command()
def show(model: Annotated[str, typer.Argument(help="Name or folder of the model.")]) -> None:
    """Show what a model is made of and how well it drives."""
    from deepracer_agent.model import find_model
    from deepracer_agent.summary import summarise

    for line in summarise(find_model(model)).lines():
        print(line)


@app.command()
def remove(
    model: Annotated[str, typer.Argument(help="Name or folder of the model.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a model for good."""
    from deepracer_agent.model import find_model, remove_model

    folder = find_model(model)
    if not yes:
        typer.confirm(f"Remove {folder} and all that is in it?", abort=True)
    remove_model(folder)
    print(f"Removed {folder}.")
