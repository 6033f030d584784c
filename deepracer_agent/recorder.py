"""What is taken down while cars learn: metrics, traces, and how it goes."""

import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.metrics import (
    Outcome,
    TrainingEpisode,
    read_training_metrics,
    training_episode,
    training_metrics_path,
    write_training_metrics,
)
from deepracer_agent.simtrace import TraceWriter, training_trace_folder
from deepracer_sim.car import DT
from deepracer_sim.referee import Status, Verdict
from deepracer_sim.track import Track

Array = NDArray[np.float64]

RECENT = 100  # episodes that rates and means are taken over


class Recent(NamedTuple):
    """The last finished episodes in numbers."""

    lap_rate: float  # share of complete laps, 0..1
    progress_pct: float  # mean
    reward: float  # mean sum per episode


class Recorder:
    """Listens to a training and writes metrics and traces into the model folder."""

    def __init__(
        self, model: Path, tracks: list[Track], per_iteration: int, episodes: int, sim_time: float
    ) -> None:
        """Go on after `episodes` finished episodes and `sim_time` seconds; 0 and 0 at first."""
        self.steps = 0  # of all cars, in this session
        self.laps = 0  # complete ones, in this session
        self.episodes = episodes
        self.sim_time = sim_time
        self._path = training_metrics_path(model)
        self._per_iteration = per_iteration
        self._rows = _rows_before(self._path, episodes) if episodes else []
        self._trace = TraceWriter(training_trace_folder(model), tracks, per_iteration, episodes)
        self._reward = np.zeros(len(tracks))  # sum of the present episode
        self._start = np.full(len(tracks), sim_time)
        self._recent: deque[tuple[bool, float, float]] = deque(maxlen=RECENT)

    def __call__(
        self, verdict: Verdict, actions: NDArray[Any], rewards: Array, done: NDArray[np.bool_]
    ) -> None:
        """Take down one step of all cars."""
        self.steps += len(done)
        self.sim_time += DT
        self._reward += rewards
        self._trace.record(verdict, actions, rewards, done, self.sim_time, time.time())
        for car in np.flatnonzero(done):
            self._finish(int(car), verdict)

    def abandon(self) -> None:
        """Forget the episodes under way: the cars were taken elsewhere."""
        self._reward[:] = 0.0
        self._start[:] = self.sim_time
        self._trace.abandon()

    def evaluated(self, outcomes: list[Outcome]) -> None:
        """Take down the laps that were driven between two iterations to see how it goes."""
        for outcome in outcomes:
            self._add(outcome, 0.0, "evaluation")

    def recent(self) -> Recent:
        """How the last episodes went; NaN before the first."""
        if not self._recent:
            return Recent(np.nan, np.nan, np.nan)
        return Recent(*(float(mean) for mean in np.mean(list(self._recent), axis=0)))

    def write(self) -> None:
        """Write the metrics and the trace so far. Raises UserError if the disk refuses."""
        write_training_metrics(self._path, self._rows)
        self._trace.write()

    def _finish(self, car: int, verdict: Verdict) -> None:
        self.episodes += 1
        outcome = Outcome(
            Status(verdict.status[car]),
            float(verdict.progress_pct[car]),
            float(self._start[car]),
            self.sim_time,
        )
        self._add(outcome, float(self._reward[car]), "training")
        complete = outcome.status == Status.LAP_COMPLETE
        self.laps += complete
        self._recent.append((complete, outcome.progress, float(self._reward[car])))
        self._reward[car] = 0.0
        self._start[car] = self.sim_time

    def _add(self, outcome: Outcome, reward: float, phase: str) -> None:
        episode = max(self.episodes, 1)
        row = training_episode(outcome, reward, episode, self._per_iteration, phase)
        self._rows.append(row)


def _rows_before(path: Path, episodes: int) -> list[TrainingEpisode]:
    """The rows up to an episode: later ones were written after the checkpoint."""
    return [row for row in read_training_metrics(path) if row.episode <= episodes]
