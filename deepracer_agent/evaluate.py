"""Evaluation: the trained policy drives, nothing is learned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.metrics import Outcome
from deepracer_sim.car import DT
from deepracer_sim.fleet import Fleet
from deepracer_sim.ground import Frame
from deepracer_sim.referee import Status, Verdict

Array = NDArray[np.float64]

Driver = Callable[[Frame], Array]
"""Grey frames (n, h, w) to commands (n, 2): steering angle rad, speed m/s."""


def drive_episodes(fleet: Fleet, driver: Driver) -> list[Outcome]:
    """Let every car drive one episode, begun just now; return how they went, (n,)."""
    outcomes: list[Outcome | None] = [None] * fleet.n
    while None in outcomes:
        verdict = fleet.step(driver(fleet.frames()))
        for car in np.flatnonzero(verdict.status != Status.IN_PROGRESS):
            if outcomes[car] is None:
                status = Status(verdict.status[car])
                progress, end = float(verdict.progress_pct[car]), float(verdict.time[car])
                outcomes[car] = Outcome(status, progress, 0.0, end)
    return [outcome for outcome in outcomes if outcome is not None]
