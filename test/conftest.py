"""What many tests share: a small round track, small trainings, and a driver that has learned.

The heavy imports are inside, for the tests that use none of this.
"""

import math
import os
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

ROUND = "name: round\nwidth: 0.8\nsegments:\n  - left: {radius: 1.0, angle_deg: 360}\n"


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard():
    """A shell lets what it starts in the background ignore Ctrl-C; the tests send it themselves."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(scope="session")
def fake_car():
    """What hw/fake_car.py defines; `test` is no package that it could be imported from."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "hw" / "fake_car.py")))


@pytest.fixture(scope="session")
def round_track(tmp_path_factory):
    """The file of a track that is one circle: radius 1 m, driven counter-clockwise."""
    path = tmp_path_factory.mktemp("tracks") / "round.yaml"
    path.write_text(ROUND)
    return str(path)


@pytest.fixture(scope="session")
def three_actions():
    """Left, straight on and right, at 1 m/s."""
    from deepracer_agent.actions import Command, DiscreteActions, ModelMetadata

    angles = [math.radians(angle) for angle in (20, 0, -20)]
    return ModelMetadata(DiscreteActions(tuple(Command(angle, 1.0) for angle in angles)))


@pytest.fixture(scope="session")
def make_recipe(round_track, three_actions):
    """A function that makes recipes for trainings of a few seconds."""
    from deepracer_agent.hyperparameters import Hyperparameters
    from deepracer_agent.recipe import Recipe
    from deepracer_agent.rewards import load_reward
    from deepracer_agent.settings import Settings

    small = {"num_episodes_between_training": 1, "num_epochs": 1, "batch_size": 100, "lr": 1e-3}

    def make(metadata=three_actions, reward="center_line", *, cars=4, seed=0, **hyperparameters):
        return Recipe(
            metadata,
            Hyperparameters(**{**small, "discount_factor": 0.9, **hyperparameters}),
            load_reward(reward),
            Settings(tracks=(round_track,), cars=cars, seed=seed),
        )

    return make


@pytest.fixture
def start_training(tmp_path):
    """A function that runs `deepracer train` in tmp_path, as a process of its own.

    It saves after every update, and the function returns when `until` holds.
    """
    code = (
        "import deepracer_agent.train as t; t._CHECKPOINT_EVERY = 0.0; "
        "from deepracer_cli.main import main; main()"
    )
    started = []

    def start(*options, until):
        process = subprocess.Popen(
            [sys.executable, "-c", code, "train", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        while not until():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.02)
                pytest.fail(process.stderr.read())
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Trained(NamedTuple):
    folder: Path
    recipe: Any
    progress: Any


@pytest.fixture(scope="session")
def trained(tmp_path_factory, make_recipe):
    """A model that has learned the round track, in 4,000 steps. Read it, but leave it as it is."""
    from deepracer_agent.recipe import Budget
    from deepracer_agent.train import train

    recipe = make_recipe(cars=8, num_episodes_between_training=2, num_epochs=4, loss_type="huber")
    folder = tmp_path_factory.mktemp("models") / "learned"
    return Trained(folder, recipe, train(folder, recipe, Budget(steps=4000), lambda progress: None))
