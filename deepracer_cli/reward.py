"""deepracer reward: try out reward functions before training with them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from deepracer_agent.reward_check import Report

app = typer.Typer(help="Try out reward functions before training with them.", no_args_is_help=True)

_FUNCTION = "A Python file with reward_function, or the name of a built-in one."


@app.command("list")
def list_rewards() -> None:
    """List the built-in reward functions."""
    from rich.console import Console
    from rich.table import Table

    from deepracer_agent.rewards import DEFAULT_REWARD, builtin_rewards

    table = Table("name", "what it asks for")
    for name, path in builtin_rewards().items():
        default = " (default)" if name == DEFAULT_REWARD else ""
        table.add_row(name + default, path.read_text().split('"""')[1].splitlines()[0])
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help=_FUNCTION)]) -> None:
    """Print a reward function: `deepracer reward show speed > my_reward.py` starts your own."""
    from deepracer_agent.rewards import load_reward

    typer.echo(load_reward(name).file.source, nl=False)


@app.command()
def check(
    function: Annotated[str, typer.Argument(help=_FUNCTION)],
    track: Annotated[
        str, typer.Option(help="The track to drive on: a name or a file.")
    ] = "reinvent_2018",
) -> None:
    """Drive a lap, and some mischief, through a reward function and print what it pays.

    Exit code 1 if the function cannot be used; warnings do not count.
    """
    from rich.console import Console

    from deepracer_agent.reward_check import check_reward, warnings
    from deepracer_agent.rewards import load_reward
    from deepracer_sim.track_files import load_track

    report = check_reward(load_reward(function), load_track(track))
    console = Console(highlight=False)
    console.print(_table(report))
    console.print(f"{1e6 * report.seconds_per_call:.0f} us a call. Half way round it was given:")
    for name, value in report.example.items():
        console.print(f"  {name} = {_shorten(value)}", markup=False)
    found = warnings(report)
    for warning in found:
        console.print(f"[yellow]Warning:[/] {warning}")
    console.print("No error." if found else "No error, no warning.")


def _table(report: "Report") -> "Table":
    from rich.table import Table

    table = Table("driving", "ended by", "steps", "min", "mean", "max", "total")
    for seen in report.seen:
        rewards = seen.rewards
        figures = (rewards.min(), rewards.mean(), rewards.max(), rewards.sum())
        table.add_row(
            seen.probe.name,
            seen.status.label,
            str(len(rewards)),
            *(f"{figure:.4g}" for figure in figures),
        )
    return table


def _shorten(value: Any) -> str:
    """Return a parameter as text; a long list by its first entries and its length."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and len(value) > 4:
        points = ", ".join(f"({x:.3f}, {y:.3f})" for x, y in value[:2])
        return f"[{points}, ...] ({len(value)} points)"
    return repr(value)
