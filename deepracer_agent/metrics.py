"""Metrics of training and evaluation, in DeepRacer's JSON.

One row per episode, times in milliseconds of simulated time: two equal runs give equal files.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from deepracer_agent.config_file import (
    check_choice,
    check_object,
    check_type,
    check_whole,
    read,
)
from deepracer_sim.files import write_atomic
from deepracer_sim.referee import Status

VERSION = 2.0  # of the format
PHASES = ("training", "evaluation")
BEST_MODEL_METRICS = ("progress", "reward", "laptime")
# What other simulators write beside our own.
_LABELS = [*(status.label for status in Status), "Time Up", "Pause", "Park", "Prepare"]
_MAX_BYTES = 256_000_000  # about a million episodes
_LARGE = 10**15

Row = TypeVar("Row", bound="TrainingEpisode | EvaluationTrial")


class TrainingEpisode(NamedTuple):
    """One episode of a training; the field names are DeepRacer's."""

    reward_score: int  # sum of the rewards, rounded
    metric_time: int  # ms, when the episode ended
    start_time: int  # ms
    elapsed_time_in_milliseconds: int
    episode: int  # training episodes so far, this one included
    trial: int  # the same within the iteration: 1 to episodes per iteration
    phase: str  # "training", or "evaluation" between two iterations
    completion_percentage: int  # rounded down: 100 is a lap
    episode_status: str  # label of a Status


class EvaluationTrial(NamedTuple):
    """One lap, or attempt at one, of an evaluation; the field names are DeepRacer's."""

    completion_percentage: int
    metric_time: int  # ms, when the trial ended
    start_time: int  # ms
    elapsed_time_in_milliseconds: int  # penalties included
    episode_status: str
    crash_count: int
    immobilized_count: int
    off_track_count: int
    reversed_count: int
    reset_count: int  # sum of the four
    trial: int  # from 1


class Outcome(NamedTuple):
    """How an episode went."""

    status: Status
    progress: float  # percent of a lap
    start: float  # s of simulated time
    end: float  # s


def training_metrics_path(model: Path) -> Path:
    """Where a model folder keeps the metrics of its training."""
    return model / "metrics" / "TrainingMetrics.json"


def evaluation_metrics_path(model: Path, when: datetime) -> Path:
    """Where a model folder keeps the metrics of the evaluation made at `when`."""
    return model / "metrics" / f"EvaluationMetrics-{when:%Y%m%d%H%M%S}.json"


def training_episode(
    outcome: Outcome, reward: float, episode: int, episodes_per_iteration: int, phase: str
) -> TrainingEpisode:
    """Describe an episode; `episode` counts from 1 and stands still during an evaluation."""
    start, end, elapsed = _milliseconds(outcome)
    return TrainingEpisode(
        reward_score=round(reward),
        metric_time=end,
        start_time=start,
        elapsed_time_in_milliseconds=elapsed,
        episode=episode,
        trial=(episode - 1) % episodes_per_iteration + 1,
        phase=phase,
        completion_percentage=int(outcome.progress),
        episode_status=Status(outcome.status).label,
    )


def evaluation_trial(outcome: Outcome, trial: int, resets: Sequence[int]) -> EvaluationTrial:
    """Describe a trial (from 1); `resets` are the Status values that put the car back."""
    start, end, elapsed = _milliseconds(outcome)
    return EvaluationTrial(
        completion_percentage=int(outcome.progress),
        metric_time=end,
        start_time=start,
        elapsed_time_in_milliseconds=elapsed,
        episode_status=Status(outcome.status).label,
        crash_count=resets.count(Status.CRASHED),
        immobilized_count=resets.count(Status.IMMOBILIZED),
        off_track_count=resets.count(Status.OFF_TRACK),
        reversed_count=resets.count(Status.REVERSED),
        reset_count=len(resets),
        trial=trial,
    )


def write_training_metrics(
    path: Path, episodes: Sequence[TrainingEpisode], best_model_metric: str = "progress"
) -> None:
    """Write all episodes of a training so far. Raises UserError if the disk refuses."""
    _write(path, episodes, {"version": VERSION, "best_model_metric": best_model_metric})


def write_evaluation_metrics(path: Path, trials: Sequence[EvaluationTrial]) -> None:
    """Write all trials of an evaluation. Raises UserError if the disk refuses."""
    _write(path, trials, {"version": VERSION})


def read_training_metrics(path: Path) -> list[TrainingEpisode]:
    """Read what `write_training_metrics`, or the service, wrote. Raises UserError."""
    return read(path, lambda data: _rows(data, _training_row), _MAX_BYTES)


def read_evaluation_metrics(path: Path) -> list[EvaluationTrial]:
    """Read what `write_evaluation_metrics`, or the service, wrote. Raises UserError."""
    return read(path, lambda data: _rows(data, _evaluation_row), _MAX_BYTES)


def _milliseconds(outcome: Outcome) -> tuple[int, int, int]:
    return (
        round(outcome.start * 1000),
        round(outcome.end * 1000),
        round((outcome.end - outcome.start) * 1000),
    )


def _write(path: Path, rows: Sequence[NamedTuple], rest: dict[str, Any]) -> None:
    """Write one row a line, so that people can read and compare the file."""
    lines = ",\n".join(json.dumps(row._asdict()) for row in rows)
    write_atomic(path, f'{{"metrics": [\n{lines}\n], {json.dumps(rest)[1:]}\n')


def _rows(data: dict[str, Any], row: Callable[[object, str], Row]) -> list[Row]:
    check_object(data, "", ["metrics"], ["version", "best_model_metric"])
    rows = check_type(data["metrics"], "metrics", list, "a list")
    return [row(value, f"metrics[{i}]") for i, value in enumerate(rows)]


def _training_row(value: object, where: str) -> TrainingEpisode:
    return TrainingEpisode(**_fields(value, where, TrainingEpisode._fields))


def _evaluation_row(value: object, where: str) -> EvaluationTrial:
    return EvaluationTrial(**_fields(value, where, EvaluationTrial._fields))


def _fields(value: object, where: str, names: Sequence[str]) -> dict[str, Any]:
    row = check_object(value, where, names)
    return {name: _field(row[name], name, f"{where}.{name}") for name in names}


def _field(value: object, name: str, key: str) -> int | str:
    if name == "phase":
        return check_choice(value, key, PHASES)
    if name == "episode_status":
        return check_choice(value, key, _LABELS)
    return check_whole(value, key, -_LARGE if name == "reward_score" else 0, _LARGE)
