"""What an evaluation leaves in the model folder, in DeepRacer's formats."""

import time
from datetime import datetime
from pathlib import Path

import numpy as np

from deepracer_agent.evaluate import Step, Trial
from deepracer_agent.metrics import (
    evaluation_metrics_path,
    evaluation_trial,
    write_evaluation_metrics,
)
from deepracer_agent.simtrace import TraceWriter, evaluation_trace_folder
from deepracer_sim.track import Track

_ONE_FILE = 1_000_000  # trials: all of an evaluation go into one trace


class TraceKeeper:
    """Watches an evaluation and keeps its trace. No reward function is run: rewards are 0."""

    def __init__(self, folder: Path, when: datetime, tracks: list[Track]) -> None:
        """Keep the trace of the cars on `tracks`, one each."""
        self._writer = TraceWriter(evaluation_trace_folder(folder, when), tracks, _ONE_FILE)

    def __call__(self, step: Step) -> None:
        """Take down one control period."""
        rewards = np.zeros(len(step.time))
        clock = float(step.time.max())
        self._writer.record(
            step.verdict, step.commands, rewards, step.done, clock, time.time(), step.penalty
        )

    def write(self) -> None:
        """Write the trace. Raises UserError if the disk refuses."""
        self._writer.write()


def write_trials(folder: Path, when: datetime, trials: list[list[Trial]]) -> list[Path]:
    """Write the metrics of each track's car, one file each; return their paths."""
    first = evaluation_metrics_path(folder, when)
    paths = [
        first.with_stem(f"{first.stem}-{car}" if car else first.stem) for car in range(len(trials))
    ]
    for path, laps in zip(paths, trials, strict=True):
        rows = [
            evaluation_trial(lap.outcome, number, lap.resets)
            for number, lap in enumerate(laps, start=1)
        ]
        write_evaluation_metrics(path, rows)
    return paths
