"""What tests of the driver share; see test/conftest.py for the rest."""

from pathlib import Path

import numpy as np
import pytest

# of a model, without its traces
FILES = {
    "checkpoint/settings.json",
    "checkpoint/training.npz",
    "hyperparameters.json",
    "metrics/TrainingMetrics.json",
    "model_metadata.json",
    "policy.onnx",
    "reward_function.py",
}


@pytest.fixture
def write(tmp_path):
    def write_reward(source, name="mine.py"):
        path = tmp_path / name
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        return path

    return write_reward


@pytest.fixture
def model(tmp_path):
    """Where a model may be trained to."""
    return tmp_path / "models" / "m"


@pytest.fixture
def contents():
    """A function that gives the content of each file of a model, without its traces."""

    def read(folder):
        files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture
def training_rows():
    """A function that gives the rows of a model's training metrics."""
    from deepracer_agent.metrics import read_training_metrics, training_metrics_path

    def rows(folder, phase="training"):
        return [row for row in read_training_metrics(training_metrics_path(folder))
                if row.phase == phase]  # fmt: skip

    return rows


@pytest.fixture
def check_consistent(contents, training_rows):
    """A function that checks a model and returns its counters.

    All files are there and no other, metrics, traces and counters tell the same story, and the
    policy can be loaded.
    """
    from deepracer_agent.checkpoint import read_counters
    from deepracer_agent.policy import Policy

    def check(folder, recipe):
        assert set(contents(folder)) == FILES
        counters = read_counters(folder / "checkpoint")
        rows = training_rows(folder)
        assert [row.episode for row in rows] == list(range(1, counters.episodes + 1))
        assert trace_episodes(folder) == list(range(counters.episodes))
        ends = [row.metric_time for row in rows]
        assert ends == sorted(ends)
        assert all(end <= round(counters.sim_time * 1000) for end in ends)
        assert counters.sim_time == pytest.approx(counters.steps / recipe.settings.cars / 15)
        assert Policy(folder).metadata.action_space == recipe.metadata.action_space
        return counters

    return check


@pytest.fixture(scope="session")
def frames():
    """What cars see on their way, (200, 120, 160)."""
    from deepracer_agent.settings import Settings, build_fleet

    fleet = build_fleet(Settings(), 50)
    seen = []
    for _ in range(4):
        seen.append(fleet.frames())
        fleet.step(np.tile([0.3, 2.0], (50, 1)))
    return np.concatenate(seen)


@pytest.fixture(scope="session")
def make_learned():
    """A function that makes a learner whose outputs differ from frame to frame, as if learned.

    It returns the learner and the layers that drive.
    """
    import torch

    from deepracer_agent.actions import DiscreteActions
    from deepracer_agent.env import DrivingVecEnv
    from deepracer_agent.hyperparameters import Hyperparameters
    from deepracer_agent.learner import make_learner
    from deepracer_agent.networks import deterministic_layers
    from deepracer_agent.settings import Settings, build_fleet

    def make(metadata):
        env = DrivingVecEnv(build_fleet(Settings(), 2), metadata, lambda p: np.zeros(len(p)))
        learner = make_learner(env, metadata, Hyperparameters(), seed=0)
        discrete = isinstance(metadata.action_space, DiscreteActions)
        layers = deterministic_layers(learner.policy, discrete)
        torch.manual_seed(1)
        for layer in layers.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(layer.weight)
        return learner, layers

    return make


@pytest.fixture
def make_model(make_learned):
    """A function that writes a model that is as if learned into a folder, and returns it."""
    from deepracer_agent.actions import save_metadata
    from deepracer_agent.export import export_onnx
    from deepracer_agent.model import METADATA, POLICY

    def make(folder, metadata):
        folder.mkdir(parents=True)
        (folder / POLICY).write_bytes(export_onnx(make_learned(metadata)[1]))
        save_metadata(metadata, folder / METADATA)
        return folder

    return make


def trace_episodes(folder: Path) -> list[int]:
    """The numbers of the episodes in all traces, in the order of the files."""
    from deepracer_agent.simtrace import training_trace_folder
    from deepracer_agent.simtrace_reader import read_trace

    paths = training_trace_folder(folder).glob("*-iteration.csv")
    in_order = sorted(paths, key=lambda path: int(path.name.split("-")[0]))
    episodes = [number for path in in_order for number in read_trace(path).episode.tolist()]
    return list(dict.fromkeys(episodes))
