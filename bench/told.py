"""Errors for people, as the command line tells them."""

import sys
from collections.abc import Callable

from deepracer_sim.errors import UserError


def told(run: Callable[[], object]) -> int:
    """Run a benchmark; return the exit code. A UserError is told in one line."""
    try:
        run()
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0
