"""How a training stands."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.recorder import Recent


class Progress(NamedTuple):
    """How a training stands, told once a second or so."""

    done: float  # share of the budget, 0..1
    limit: str  # what in the budget, or which hyperparameter, ends it next
    steps: int  # of all cars, in this session
    seconds: float  # since training began
    first_lap: float | None  # s after training began
    episodes: int  # over all sessions
    recent: Recent
    best_progress_pct: float  # of the exported policy's laps; -1 before the first
    best_lap_time: float  # s
    cars: NDArray[np.float64]  # (k, 2) m, where the cars on the first track are


def in_words(progress: Progress) -> str:
    """How a training stands, on one line."""
    speed = progress.steps / progress.seconds if progress.seconds else 0.0
    recent = progress.recent
    if recent.lap_rate != recent.lap_rate:  # NaN: no episode has ended yet
        return f"{progress.seconds:.0f} s, first episodes, {speed:,.0f} steps/s"
    return (
        f"{progress.seconds:.0f} s, laps {recent.lap_rate:.0%}, "
        f"progress {recent.progress_pct:.0f}%, {speed:,.0f} steps/s"
    )


def ended_early(progress: Progress) -> str:
    """Which hyperparameter ended a training, in words; empty where the budget did."""
    if progress.done < 1.0 or not progress.limit.startswith("term_cond"):
        return ""
    return (
        f"ended by the hyperparameter {progress.limit} "
        f"({progress.episodes:,} episodes, mean reward {progress.recent.reward:,.0f})"
    )
