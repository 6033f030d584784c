"""Metrics of training and evaluation, in DeepRacer's JSON."""

import json
import math
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent.metrics import (
    EvaluationTrial,
    Outcome,
    TrainingEpisode,
    evaluation_metrics_path,
    evaluation_trial,
    read_evaluation_metrics,
    read_training_metrics,
    training_episode,
    training_metrics_path,
    write_evaluation_metrics,
    write_training_metrics,
)
from deepracer_sim.errors import UserError
from deepracer_sim.referee import Status

LAP = Outcome(Status.LAP_COMPLETE, progress=100.0, start=4420.036, end=4435.574)
CRASH = Outcome(Status.OFF_TRACK, progress=14.99, start=0.0, end=1.0 / 15.0)

# What the hosted service wrote of the first of these.
SERVICE_ROW = {
    "reward_score": 161,
    "metric_time": 4435574,
    "start_time": 4420036,
    "elapsed_time_in_milliseconds": 15538,
    "episode": 567,
    "trial": 7,
    "phase": "training",
    "completion_percentage": 100,
    "episode_status": "Lap complete",
}

milliseconds = st.integers(0, 10**9)
episodes = st.builds(
    TrainingEpisode,
    st.integers(-(10**6), 10**6),
    *[milliseconds] * 3,
    st.integers(1, 10**6),
    st.integers(1, 1000),
    st.sampled_from(["training", "evaluation"]),
    st.integers(0, 100),
    st.sampled_from([status.label for status in Status]),
)


def test_an_episode_is_described_as_the_service_does():
    episode = training_episode(LAP, 161.4, 567, 20, "training")
    assert episode._asdict() == SERVICE_ROW
    assert list(episode._asdict()) == list(SERVICE_ROW)


def test_the_trial_counts_within_an_iteration_of_equally_many_episodes():
    trials = [training_episode(LAP, 0.0, i, 3, "training").trial for i in range(1, 8)]
    assert trials == [1, 2, 3, 1, 2, 3, 1]


def test_progress_is_rounded_down_so_that_only_a_lap_is_100():
    almost = Outcome(Status.OFF_TRACK, progress=99.99, start=0.0, end=1.0)
    assert training_episode(almost, 0.0, 1, 20, "training").completion_percentage == 99
    assert evaluation_trial(almost, 1, []).completion_percentage == 99


def test_times_are_whole_milliseconds_of_simulated_time():
    trial = evaluation_trial(CRASH, 1, [])
    assert (trial.start_time, trial.metric_time, trial.elapsed_time_in_milliseconds) == (0, 67, 67)


def test_a_trial_counts_its_resets_by_cause():
    resets = [Status.OFF_TRACK, Status.CRASHED, Status.OFF_TRACK, 5, Status.IMMOBILIZED]
    trial = evaluation_trial(LAP, 3, resets)
    assert trial == EvaluationTrial(
        completion_percentage=100,
        metric_time=4435574,
        start_time=4420036,
        elapsed_time_in_milliseconds=15538,
        episode_status="Lap complete",
        crash_count=1,
        immobilized_count=1,
        off_track_count=2,
        reversed_count=1,
        reset_count=5,
        trial=3,
    )


def test_the_file_is_the_service_s_json(tmp_path):
    path = training_metrics_path(tmp_path)
    write_training_metrics(path, [training_episode(LAP, 161.0, 567, 20, "training")])
    assert json.loads(path.read_text()) == {
        "metrics": [SERVICE_ROW],
        "version": 2.0,
        "best_model_metric": "progress",
    }


def test_an_evaluation_s_file_is_json(tmp_path):
    path = evaluation_metrics_path(tmp_path, datetime(2026, 1, 2, 3, 4, 5))
    trials = [evaluation_trial(LAP, 1, []), evaluation_trial(CRASH, 2, [Status.OFF_TRACK])]
    write_evaluation_metrics(path, trials)
    assert path == tmp_path / "metrics" / "EvaluationMetrics-20260102030405.json"
    assert json.loads(path.read_text())["metrics"][1]["episode_status"] == "Off track"
    assert read_evaluation_metrics(path) == trials


@settings(deadline=None, max_examples=30)
@given(st.lists(episodes, max_size=5))
def test_training_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("metrics") / "TrainingMetrics.json"
    write_training_metrics(path, rows)
    assert read_training_metrics(path) == rows


def test_equal_runs_give_equal_files(tmp_path):
    rows = [training_episode(CRASH, 1.0, i, 20, "training") for i in range(1, 50)]
    write_training_metrics(tmp_path / "a.json", rows)
    write_training_metrics(tmp_path / "b.json", list(rows))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def row(**changes):
    return {"metrics": [SERVICE_ROW, SERVICE_ROW | changes]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "the key 'metrics' is missing"),
        ({"metrics": {}}, "metrics is {}; accepted is a list"),
        ({"metrics": [], "extra": 1}, "unknown key 'extra'"),
        ({"metrics": [3]}, r"metrics\[0\] is 3"),
        ({"metrics": [{}]}, r"metrics\[0\]: the key 'reward_score' is missing"),
        (row(speed=1), r"metrics\[1\]: unknown key 'speed'"),
        (row(episode="1"), r"metrics\[1\].episode is '1'"),
        (row(episode=1.5), r"metrics\[1\].episode is 1.5"),
        (row(start_time=-1), r"metrics\[1\].start_time is -1"),
        (row(phase="race"), r"metrics\[1\].phase is 'race'"),
        (row(episode_status="Lap completed"), "Did you mean 'Lap complete'"),
        (row(reward_score=None), "reward_score is None"),
    ],
)
def test_bad_metrics_are_refused(tmp_path, data, said):
    path = tmp_path / "TrainingMetrics.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=said) as caught:
        read_training_metrics(path)
    assert str(path) in str(caught.value)


def test_a_truncated_file_is_refused_with_its_place(tmp_path):
    path = tmp_path / "TrainingMetrics.json"
    write_training_metrics(path, [training_episode(LAP, 1.0, i, 20, "training") for i in (1, 2)])
    path.write_text(path.read_text()[:-60])
    with pytest.raises(UserError, match="line 3, column"):
        read_training_metrics(path)


def test_a_missing_file_is_refused():
    with pytest.raises(UserError, match=r"none\.json: there is no such file"):
        read_evaluation_metrics(Path("none.json"))


words = st.text("aeL_ 05.", max_size=4)
values = st.none() | st.booleans() | st.integers() | st.floats() | words | st.lists(words)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(SERVICE_ROW)), values))
def test_any_row_is_read_or_a_user_error(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("metrics") / "TrainingMetrics.json"
    path.write_text(json.dumps(row(**changes)))
    with suppress(UserError):
        assert all(math.isfinite(row.reward_score) for row in read_training_metrics(path))
