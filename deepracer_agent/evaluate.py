"""Evaluation: the trained policy drives, nothing is learned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Rules:
    """What a race asks for, in DeepRacer's terms."""

    laps: int = 10
    """Laps, or attempts at one, that each car drives."""
    off_track_penalty: float = 2.0
    """s that a car waits before it goes on after leaving the track or driving backwards."""
    max_resets: int = 10
    """Times that a car is put back in one lap, before the lap is given up."""


class Trial(NamedTuple):
    """One lap, or attempt at one. Its time includes penalties."""

    outcome: Outcome
    resets: tuple[Status, ...]  # why the car was put back


class Step(NamedTuple):
    """One control period of an evaluation, before cars are put back; arrays are (n,)."""

    verdict: Verdict
    commands: Array  # (n, 2)
    trial: NDArray[np.int64]  # from 1
    done: NDArray[np.bool_]  # whether the trial ends
    penalty: Array  # s that the car waits now
    time: Array  # s, penalties included


def drive_laps(
    fleet: Fleet, driver: Driver, rules: Rules, watchers: Sequence[Callable[[Step], None]] = ()
) -> list[list[Trial]]:
    """Let every car drive its laps, the first from standing, the others flying.

    A car that leaves the track waits for its penalty and goes on in the middle of the nearer
    lane. Returns the trials of each car.
    """
    trials: list[list[Trial]] = [[] for _ in range(fleet.n)]
    resets: list[list[Status]] = [[] for _ in range(fleet.n)]
    start, time = np.zeros(fleet.n), np.zeros(fleet.n)
    while min(map(len, trials)) < rules.laps:
        commands = driver(fleet.frames())
        verdict = fleet.step(commands)
        done, penalty = np.zeros(fleet.n, np.bool_), np.zeros(fleet.n)
        stopped = np.flatnonzero(verdict.status != Status.IN_PROGRESS)
        for car in stopped:
            done[car], penalty[car] = _rule(Status(verdict.status[car]), resets[car], rules)
        time += DT + penalty
        number = np.array([len(laps) + 1 for laps in trials])
        for watch in watchers:
            watch(Step(verdict, commands, number, done, penalty, time.copy()))
        for car in np.flatnonzero(done):
            trials[car].append(_trial(verdict, car, start[car], time[car], resets[car]))
            resets[car], start[car] = [], time[car]
        _go_on(fleet, stopped, done, verdict)
    return [laps[: rules.laps] for laps in trials]


def _rule(status: Status, resets: list[Status], rules: Rules) -> tuple[bool, float]:
    """Whether a trial ends with this status, and the penalty in s; `resets` grows if it goes on."""
    if status in (Status.LAP_COMPLETE, Status.TIME_UP) or len(resets) == rules.max_resets:
        return True, 0.0
    resets.append(status)
    return False, 0.0 if status == Status.IMMOBILIZED else rules.off_track_penalty


def _trial(
    verdict: Verdict, car: np.int64, start: float, end: float, resets: list[Status]
) -> Trial:
    status, progress = Status(verdict.status[car]), float(verdict.progress_pct[car])
    return Trial(Outcome(status, progress, float(start), float(end)), tuple(resets))


def _go_on(
    fleet: Fleet, stopped: NDArray[np.int64], done: NDArray[np.bool_], verdict: Verdict
) -> None:
    """Put cars back, let them begin a flying lap, or begin anew where a lap was given up."""
    flying = verdict.status == Status.LAP_COMPLETE
    fleet.next_lap(stopped[flying[stopped]])
    fleet.restart(stopped[(done & ~flying)[stopped]])
    fleet.put_back(stopped[~done[stopped]])


def drive_episodes(fleet: Fleet, driver: Driver) -> list[Outcome]:
    """Let every car drive one episode, begun just now; return how they went, (n,)."""
    outcomes: dict[int, Outcome] = {}
    while len(outcomes) < fleet.n:
        verdict = fleet.step(driver(fleet.frames()))
        for car in np.flatnonzero(verdict.status != Status.IN_PROGRESS).tolist():
            status, end = Status(verdict.status[car]), float(verdict.time[car])
            outcome = Outcome(status, float(verdict.progress_pct[car]), 0.0, end)
            outcomes.setdefault(car, outcome)
    return [outcomes[car] for car in range(fleet.n)]
