"""Training by the very code that the command runs, on a small round track."""

import json
import math
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepracer_agent import train as training
from deepracer_agent.actions import Command, ContinuousActions, ModelMetadata, load_metadata
from deepracer_agent.checkpoint import FILE, read_counters
from deepracer_agent.evaluate import drive_episodes
from deepracer_agent.policy import Policy
from deepracer_agent.ppo import DeepRacerPPO
from deepracer_agent.progress import ended_early
from deepracer_agent.recipe import Budget
from deepracer_agent.settings import build_fleet, load_settings
from deepracer_agent.simtrace_reader import read_trace
from deepracer_agent.train import train
from deepracer_sim.errors import UserError
from deepracer_sim.referee import Status
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

UPDATE = 200  # steps of one rollout of these recipes
CONTINUOUS = ModelMetadata(
    ContinuousActions(Command(math.radians(-30), 0.5), Command(math.radians(30), 1.5))
)
SAC = replace(CONTINUOUS, training_algorithm="sac")


def silent(progress):
    pass


def run(folder, recipe, steps, **options):
    return train(folder, recipe, Budget(steps=steps), silent, **options)


@pytest.fixture
def short_judgement(monkeypatch):
    """Let few cars drive to see how it goes."""
    monkeypatch.setattr(training, "_JUDGED_CARS", 2)


# Learning


def test_a_small_track_is_learned(trained, make_recipe, tmp_path, training_rows):
    untrained = run(tmp_path / "untrained", make_recipe(cars=8), 8)
    assert untrained.best_progress_pct < 40.0
    assert trained.progress.best_progress_pct > 80.0
    first, last = (training_rows(trained.folder)[part] for part in (slice(20), slice(-20, None)))
    before, after = (np.mean([row.completion_percentage for row in part]) for part in (first, last))
    assert after > 1.5 * before


def test_the_exported_policy_is_the_best_driver(trained):
    fleet = build_fleet(trained.recipe.settings, 20)
    outcomes = drive_episodes(fleet, Policy(trained.folder).drive)
    progress = np.mean([outcome.progress for outcome in outcomes])
    assert progress == pytest.approx(trained.progress.best_progress_pct, abs=0.1)
    laps = [outcome.end for outcome in outcomes if outcome.status == Status.LAP_COMPLETE]
    assert np.mean(laps) == pytest.approx(trained.progress.best_lap_time, abs=0.1)


def test_what_a_model_folder_holds(trained, check_consistent, training_rows):
    counters = check_consistent(trained.folder, trained.recipe)
    assert counters.steps == trained.progress.steps == 4000
    assert counters.episodes == trained.progress.episodes
    assert counters.best_progress_pct == trained.progress.best_progress_pct
    assert len(training_rows(trained.folder, "evaluation")) == 20


@pytest.mark.usefixtures("short_judgement")
@pytest.mark.parametrize("randomize", ["off", "mild"])
def test_one_seed_makes_one_training(make_recipe, tmp_path, randomize):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for folder, seed in ((one, 3), (same, 3), (other, 4)):
        recipe = make_recipe(seed=seed)
        settings = replace(recipe.settings, randomize=randomize)
        run(folder, replace(recipe, settings=settings), 2 * UPDATE)
    for path in ("metrics/TrainingMetrics.json", "policy.onnx"):
        mine, equal, different = ((folder / path).read_bytes() for folder in (one, same, other))
        assert mine == equal
        assert mine != different


@pytest.mark.parametrize("loss", ["huber", "mean squared error"])
def test_continuous_actions_are_learned(make_recipe, model, loss, check_consistent):
    recipe = make_recipe(CONTINUOUS, loss_type=loss)
    progress = run(model, recipe, 2 * UPDATE)
    assert progress.steps == 2 * UPDATE
    check_consistent(model, recipe)
    (trace, *_) = sorted((model / "simtrace" / "training-simtrace").iterdir())
    speeds = read_trace(trace).speed
    assert 0.5 <= speeds.min() < speeds.max() <= 1.5


def test_sac_learns(make_recipe, model, monkeypatch, check_consistent):
    monkeypatch.setattr("deepracer_agent.learner._WARM_UP", 60)
    monkeypatch.setattr("deepracer_agent.learner._SAC_UPDATES", 1)
    recipe = make_recipe(SAC, batch_size=8)
    run(model, recipe, 120)
    before = (model / "checkpoint" / FILE).read_bytes()
    run(model, recipe, 80, resume=True)
    assert (model / "checkpoint" / FILE).read_bytes() != before
    assert check_consistent(model, recipe).steps == 200


@pytest.mark.usefixtures("short_judgement")
def test_learning_that_diverges_ends_and_can_go_on(
    make_recipe, model, monkeypatch, check_consistent
):
    loss = DeepRacerPPO._loss

    def spoilt(self, batch):
        return loss(self, batch) * (math.inf if self._n_updates else 1.0)

    monkeypatch.setattr(DeepRacerPPO, "_loss", spoilt)
    recipe = make_recipe()
    with pytest.raises(UserError, match="diverged"):
        run(model, recipe, 10**6)
    assert check_consistent(model, recipe).steps == 2 * UPDATE
    monkeypatch.undo()
    run(model, recipe, UPDATE, resume=True)
    assert check_consistent(model, recipe).steps == 3 * UPDATE


# When it ends


@pytest.mark.parametrize(
    ("budget", "hyperparameters"),
    [
        (Budget(steps=100), {}),
        (Budget(minutes=1e-5), {}),
        (Budget(steps=10**6), {"term_cond_max_episodes": 3}),
    ],
)
def test_a_training_ends_when_its_budget_is_spent(
    make_recipe, model, budget, hyperparameters, check_consistent
):
    told = []
    recipe = make_recipe(**hyperparameters)
    end = train(model, recipe, budget, told.append)
    assert end.steps <= 400
    assert told[-1].done == end.done == 1.0
    check_consistent(model, recipe)


def test_a_lap_rate_ends_a_training(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "RECENT", 3)
    folder = copy(trained.folder, tmp_path)
    end = train(folder, trained.recipe, Budget(steps=8000, lap_rate=0.2), silent, resume=True)
    assert end.recent.lap_rate >= 0.2
    assert end.steps < 8000


def test_a_good_enough_score_ends_a_training(make_recipe, model, monkeypatch):
    monkeypatch.setattr(training, "RECENT", 3)
    end = run(model, make_recipe(term_cond_avg_score=1.0), 8000)
    assert end.episodes >= 3
    assert end.recent.reward >= 1.0
    assert end.steps < 8000
    assert ended_early(end).startswith("ended by the hyperparameter term_cond_avg_score (")


def test_the_time_to_compile_the_first_step_is_not_charged(make_recipe, model):
    class Slow(EmbeddedWorld):
        def step(self, commands):
            if self.compiles:
                time.sleep(1.0)
            self.compiles = False
            return super().step(commands)

    recipe = make_recipe()
    world = Slow(load_track(recipe.settings.tracks[0]), recipe.settings.cars)
    world.compiles = True
    began = time.monotonic()
    end = run(model, recipe, 100, worlds=[world])
    assert end.seconds <= time.monotonic() - began - 1.0
    assert not ended_early(end)


# Going on


def copy(folder, place):
    return Path(shutil.copytree(folder, place / "copy"))


@pytest.mark.usefixtures("short_judgement")
def test_a_training_goes_on(make_recipe, model, check_consistent, training_rows):
    recipe = make_recipe()
    run(model, recipe, 2 * UPDATE)
    before, old = read_counters(model / "checkpoint"), training_rows(model)
    run(model, recipe, UPDATE, resume=True)
    after = check_consistent(model, recipe)
    assert after.steps == before.steps + UPDATE
    assert after.train_time > before.train_time
    assert training_rows(model)[: len(old)] == old


def test_the_best_driver_stays_until_a_better_one(trained, tmp_path):
    folder = copy(trained.folder, tmp_path)
    (folder / "policy.onnx").write_bytes(b"the best")
    checkpoint = folder / "checkpoint"
    with np.load(checkpoint / FILE) as file:
        arrays = dict(file)
    counters = {**json.loads(str(arrays["counters"])), "best_lap_time": 0.1}
    arrays["counters"] = np.array(json.dumps({**counters, "best_progress_pct": 100.0}))
    np.savez(checkpoint / FILE, **arrays)
    assert run(folder, trained.recipe, 8, resume=True).best_lap_time == 0.1
    assert (folder / "policy.onnx").read_bytes() == b"the best"


def test_randomisation_leaves_the_laps_that_judge_as_they_are(trained, tmp_path):
    folder = copy(trained.folder, tmp_path)
    settings = replace(trained.recipe.settings, randomize="strong")
    end = run(folder, replace(trained.recipe, settings=settings), 8, resume=True)
    assert end.best_progress_pct >= trained.progress.best_progress_pct
    assert load_settings(folder / "checkpoint") == settings


@pytest.mark.parametrize("change", ["track", "actions"])
def test_other_laps_ask_for_a_new_best_driver(trained, tmp_path, change):
    folder = copy(trained.folder, tmp_path)
    recipe = trained.recipe
    if change == "track":
        recipe = replace(recipe, settings=replace(recipe.settings, tracks=("oval",)))
    else:
        slower = tuple(Command(angle, 0.5) for angle, _ in recipe.metadata.action_space.commands)
        space = replace(recipe.metadata.action_space, commands=slower)
        recipe = replace(recipe, metadata=replace(recipe.metadata, action_space=space))
    (folder / "policy.onnx").write_bytes(b"the best of the old laps")
    run(folder, recipe, 8, resume=True)
    assert Policy(folder).metadata == recipe.metadata


def test_other_actions_do_not_fit(make_recipe, model, contents):
    run(model, make_recipe(), 8)
    before = contents(model)
    with pytest.raises(UserError, match=r"training\.npz does not fit .*model_metadata\.json"):
        run(model, make_recipe(load_metadata("default")), 8, resume=True)
    assert contents(model) == before


@pytest.mark.parametrize("name", ["checkpoint/training.npz", "metrics/TrainingMetrics.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_file_that_is_missing_or_damaged_is_told(trained, tmp_path, contents, name, damage):
    folder = copy(trained.folder, tmp_path)
    path = folder / name
    if damage == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    before = contents(folder)
    with pytest.raises(UserError, match=path.name):
        run(folder, trained.recipe, 8, resume=True)
    assert contents(folder) == before


@pytest.mark.usefixtures("short_judgement")
def test_what_was_written_after_the_checkpoint_is_forgotten(
    make_recipe, model, tmp_path, check_consistent
):
    """As a kill between two files leaves a model: the metrics new, the checkpoint old."""
    recipe = make_recipe()
    run(model, recipe, UPDATE)
    old = (model / "checkpoint" / FILE).read_bytes()
    run(model, recipe, UPDATE, resume=True)
    (model / "checkpoint" / FILE).write_bytes(old)
    left = model / "checkpoint" / ".training.npz.x1y2"
    left.write_bytes(b"half a checkpoint")
    run(model, recipe, UPDATE, resume=True)
    left.unlink()
    assert check_consistent(model, recipe).steps == 2 * UPDATE
