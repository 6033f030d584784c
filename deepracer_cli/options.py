"""What several sub-commands check their options with."""

import math

import typer


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinity, which an option's limits let pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value
