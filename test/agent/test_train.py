"""Training by the very code that the command runs, on a small round track."""

import json
import math
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepracer_agent import train as training
from deepracer_agent.actions import Command, ContinuousActions, ModelMetadata, load_metadata
from deepracer_agent.checkpoint import FILE, read_counters
from deepracer_agent.evaluate import drive_episodes
from deepracer_agent.metrics import read_training_metrics
from deepracer_agent.policy import Policy
from deepracer_agent.ppo import DeepRacerPPO
from deepracer_agent.rewards import RewardError
from deepracer_agent.settings import build_fleet
from deepracer_agent.simtrace_reader import read_trace
from deepracer_agent.train import Budget, train
from deepracer_sim.errors import UserError
from deepracer_sim.referee import Status

UPDATE = 200  # steps of one rollout of these recipes
FILES = {
    "checkpoint/settings.json",
    "checkpoint/training.npz",
    "hyperparameters.json",
    "metrics/TrainingMetrics.json",
    "model_metadata.json",
    "policy.onnx",
    "reward_function.py",
}
CONTINUOUS = ModelMetadata(
    ContinuousActions(Command(math.radians(-30), 0.5), Command(math.radians(30), 1.5))
)
SAC = replace(CONTINUOUS, training_algorithm="sac")


def silent(progress):
    pass


def run(folder, recipe, steps, **options):
    return train(folder, recipe, Budget(steps=steps), silent, **options)


def files(folder):
    """The files of a model, without its traces."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found if path.suffix != ".csv"}


def contents(folder):
    return {path: (folder / path).read_bytes() for path in files(folder)}


def rows(folder, phase="training"):
    path = folder / "metrics" / "TrainingMetrics.json"
    return [row for row in read_training_metrics(path) if row.phase == phase]


def trace_episodes(folder):
    """The numbers of the episodes in all traces, in the order of the files."""
    paths = (folder / "simtrace" / "training-simtrace").glob("*-iteration.csv")
    numbered = sorted(paths, key=lambda path: int(path.name.split("-")[0]))
    found = [number for path in numbered for number in read_trace(path).episode.tolist()]
    return list(dict.fromkeys(found))


def check_consistent(folder, recipe):
    """Metrics, traces and counters tell the same story, and the policy can be loaded."""
    counters = read_counters(folder / "checkpoint")
    numbers = [row.episode for row in rows(folder)]
    assert numbers == list(range(1, counters.episodes + 1))
    assert trace_episodes(folder) == list(range(counters.episodes))
    ends = [row.metric_time for row in rows(folder)]
    assert ends == sorted(ends)
    assert ends[-1] <= round(counters.sim_time * 1000)
    assert counters.sim_time == pytest.approx(counters.steps / recipe.settings.cars / 15)
    assert Policy(folder).metadata.action_space == recipe.metadata.action_space
    return counters


def reward_file(folder, body):
    """A reward function that counts its calls in `n`; each car has a count of its own."""
    path = folder / "mine.py"
    lines = ["n = 0", "def reward_function(params):", "    global n", "    n += 1"]
    path.write_text("\n".join([*lines, *(f"    {line}" for line in body), "    return 1.0"]))
    return str(path)


@pytest.fixture
def model(tmp_path):
    return tmp_path / "models" / "m"


# Learning


def test_a_small_track_is_learned(trained, make_recipe, tmp_path):
    untrained = run(tmp_path / "untrained", make_recipe(cars=8), 8)
    assert untrained.best_progress_pct < 40.0
    assert trained.progress.best_progress_pct > 80.0
    first, last = (rows(trained.folder)[part] for part in (slice(20), slice(-20, None)))
    before, after = (np.mean([row.completion_percentage for row in part]) for part in (first, last))
    assert after > 1.5 * before


def test_the_exported_policy_is_the_best_driver(trained):
    fleet = build_fleet(trained.recipe.settings, 20)
    outcomes = drive_episodes(fleet, Policy(trained.folder).drive)
    progress = np.mean([outcome.progress for outcome in outcomes])
    assert progress == pytest.approx(trained.progress.best_progress_pct, abs=0.1)
    laps = [outcome.end for outcome in outcomes if outcome.status == Status.LAP_COMPLETE]
    assert np.mean(laps) == pytest.approx(trained.progress.best_lap_time, abs=0.1)


def test_what_a_model_folder_holds(trained):
    assert files(trained.folder) == FILES
    counters = check_consistent(trained.folder, trained.recipe)
    assert counters.steps == trained.progress.steps == 4000
    assert counters.episodes == trained.progress.episodes
    assert counters.best_progress_pct == trained.progress.best_progress_pct
    assert len(rows(trained.folder, "evaluation")) == 20


def test_one_seed_makes_one_training(make_recipe, tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for folder, seed in ((one, 3), (same, 3), (other, 4)):
        run(folder, make_recipe(seed=seed), 2 * UPDATE)
    for path in ("metrics/TrainingMetrics.json", "policy.onnx"):
        mine, equal, different = ((folder / path).read_bytes() for folder in (one, same, other))
        assert mine == equal
        assert mine != different


@pytest.mark.parametrize("loss", ["huber", "mean squared error"])
def test_continuous_actions_are_learned(make_recipe, model, loss):
    recipe = make_recipe(CONTINUOUS, loss_type=loss)
    progress = run(model, recipe, 2 * UPDATE)
    assert progress.steps == 2 * UPDATE
    check_consistent(model, recipe)
    (trace, *_) = sorted((model / "simtrace" / "training-simtrace").iterdir())
    speeds = read_trace(trace).speed
    assert 0.5 <= speeds.min() < speeds.max() <= 1.5


def test_sac_learns(make_recipe, model, monkeypatch):
    monkeypatch.setattr("deepracer_agent.learner._WARM_UP", 60)
    monkeypatch.setattr("deepracer_agent.learner._SAC_UPDATES", 1)
    recipe = make_recipe(SAC, batch_size=8)
    run(model, recipe, 120)
    before = (model / "checkpoint" / FILE).read_bytes()
    run(model, recipe, 80, resume=True)
    assert (model / "checkpoint" / FILE).read_bytes() != before
    assert check_consistent(model, recipe).steps == 200


def test_learning_that_diverges_ends_and_can_go_on(make_recipe, model, monkeypatch):
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
def test_a_training_ends_when_its_budget_is_spent(make_recipe, model, budget, hyperparameters):
    told = []
    end = train(model, make_recipe(**hyperparameters), budget, told.append)
    assert end.steps <= 400
    assert told[-1].done == end.done == 1.0
    assert files(model) == FILES


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


# Going on


def copy(folder, place):
    return Path(shutil.copytree(folder, place / "copy"))


def test_a_training_goes_on(make_recipe, model):
    recipe = make_recipe()
    run(model, recipe, 2 * UPDATE)
    before, old = read_counters(model / "checkpoint"), rows(model)
    run(model, recipe, UPDATE, resume=True)
    after = check_consistent(model, recipe)
    assert after.steps == before.steps + UPDATE
    assert after.train_time > before.train_time
    assert rows(model)[: len(old)] == old


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


def test_other_actions_do_not_fit(make_recipe, model):
    run(model, make_recipe(), 8)
    before = contents(model)
    with pytest.raises(UserError, match=r"training\.npz does not fit .*model_metadata\.json"):
        run(model, make_recipe(load_metadata("default")), 8, resume=True)
    assert contents(model) == before


@pytest.mark.parametrize("name", ["checkpoint/training.npz", "metrics/TrainingMetrics.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_file_that_is_missing_or_damaged_is_told(make_recipe, model, name, damage):
    recipe = make_recipe()
    run(model, recipe, UPDATE)
    path = model / name
    if damage == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    before = contents(model)
    with pytest.raises(UserError, match=path.name):
        run(model, recipe, 8, resume=True)
    assert contents(model) == before


def test_what_was_written_after_the_checkpoint_is_forgotten(make_recipe, model, tmp_path):
    """As a kill between two files leaves a model: the metrics new, the checkpoint old."""
    recipe = make_recipe()
    run(model, recipe, UPDATE)
    old = (model / "checkpoint" / FILE).read_bytes()
    run(model, recipe, UPDATE, resume=True)
    (model / "checkpoint" / FILE).write_bytes(old)
    (model / "checkpoint" / ".training.npz.x1y2").write_bytes(b"half a checkpoint")
    run(model, recipe, UPDATE, resume=True)
    assert check_consistent(model, recipe).steps == 2 * UPDATE


# Interruptions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_and_keeps_what_was_learned(
    make_recipe, model, monkeypatch, number
):
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def interrupt(progress):
        if progress.steps > UPDATE:
            signal.raise_signal(number)

    recipe = make_recipe()
    with pytest.raises(KeyboardInterrupt):
        train(model, recipe, Budget(steps=10**6), interrupt)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert files(model) == FILES
    steps = check_consistent(model, recipe).steps
    assert UPDATE < steps < 2 * UPDATE
    run(model, recipe, UPDATE, resume=True)
    assert check_consistent(model, recipe).steps == steps + UPDATE


def swallow(progress):
    """Lose an interrupt as a destructor loses one."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def turn_into_another(progress):
    """Lose an interrupt as a half-done import loses one."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise AttributeError from None


@pytest.mark.parametrize("report", [swallow, turn_into_another])
def test_an_interrupt_is_never_lost(make_recipe, model, monkeypatch, report):
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(model, make_recipe(), Budget(steps=UPDATE), report)
    assert not model.exists()


def test_a_bug_stays_a_bug(make_recipe, model, monkeypatch):
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    with pytest.raises(ZeroDivisionError):
        train(model, make_recipe(), Budget(steps=UPDATE), lambda progress: 1 / 0)


def test_signals_that_are_ignored_stay_ignored(make_recipe, model, monkeypatch):
    """As under nohup."""
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        end = train(model, make_recipe(), Budget(steps=8), lambda _: signal.raise_signal(15))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.steps == 8


def test_before_the_first_update_nothing_is_kept(make_recipe, model, monkeypatch):
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)

    def interrupt(progress):
        if progress.episodes:  # a trace is written by then
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(model, make_recipe(), Budget(steps=UPDATE), interrupt)
    assert not model.exists()


def test_sac_keeps_nothing_before_its_first_update_either(make_recipe, model, tmp_path):
    reward = reward_file(tmp_path, ["if n == 40: raise KeyboardInterrupt"])
    with pytest.raises(KeyboardInterrupt):
        run(model, make_recipe(SAC, reward), 10**6)
    assert not model.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("if n == 150: raise RuntimeError('no idea')", "line 5: RuntimeError: no idea"),
        ("if n == 150: return float('nan')", "line 2: reward_function returned nan"),
        ("if n == 150: return 'much'", "line 2: reward_function returned 'much'"),
    ],
)
def test_a_reward_that_fails_late_ends_the_training_and_keeps_what_was_learned(
    make_recipe, model, tmp_path, line, said
):
    recipe = make_recipe(reward=reward_file(tmp_path, [line]))
    with pytest.raises(RewardError, match=rf"mine\.py, {said}"):
        run(model, recipe, 10**6)
    assert files(model) == FILES
    assert check_consistent(model, recipe).steps == 2 * 149


def test_a_reward_that_fails_early_leaves_nothing(make_recipe, model, tmp_path):
    recipe = make_recipe(reward=reward_file(tmp_path, ["if n == 50: raise RuntimeError"]))
    with pytest.raises(RewardError):
        run(model, recipe, 10**6)
    assert not model.exists()


def test_sigkill_leaves_what_the_last_checkpoint_holds(
    make_recipe, tmp_path, round_track, start_training
):
    """The command itself, saving after every update, killed in the middle of the work."""
    recipe = make_recipe()
    model = tmp_path / "models" / "m"
    run(tmp_path / "given", recipe, 8)
    options = ["--actions", "given/model_metadata.json", "--cars", "2", "--track", round_track]
    more = ["--hyperparameters", "given/hyperparameters.json", "--name", "m", "--minutes", "9"]

    def saved_thrice():
        with suppress(UserError):  # there is no checkpoint yet
            return read_counters(model / "checkpoint").steps >= 3 * UPDATE

    process = start_training(*options, *more, until=saved_thrice)
    process.kill()
    process.communicate()
    before = read_counters(model / "checkpoint")
    run(model, recipe, UPDATE, resume=True)
    assert check_consistent(model, recipe).steps == before.steps + UPDATE


# Disks that refuse


def test_a_place_that_refuses_is_told_before_anything_is_learned(make_recipe, tmp_path):
    (tmp_path / "models").write_text("a file where a folder must be")
    told = []
    with pytest.raises(UserError, match=r"Cannot make the model folder .*models/m"):
        train(tmp_path / "models" / "m", make_recipe(), Budget(steps=8), told.append)
    assert told == []
    assert (tmp_path / "models").is_file()


def test_a_folder_that_is_there_already_is_left_alone(make_recipe, model):
    model.mkdir(parents=True)
    (model / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="File exists"):
        run(model, make_recipe(), 8)
    assert (model / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_leaves_the_last_checkpoint(make_recipe, model, monkeypatch):
    recipe = make_recipe()
    run(model, recipe, UPDATE)
    before = contents(model)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepracer_sim.files.os.replace", full)
    with pytest.raises(UserError, match="No space left on device"):
        run(model, recipe, 2 * UPDATE, resume=True)
    assert contents(model) == before  # and no temporary file
    monkeypatch.undo()
    run(model, recipe, UPDATE, resume=True)
    assert check_consistent(model, recipe).steps == 2 * UPDATE


def test_a_full_disk_leaves_no_half_a_model(make_recipe, model, monkeypatch):
    def full(source, target):
        if Path(target).name == FILE:
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    monkeypatch.setattr("deepracer_sim.files.os.replace", full)
    with pytest.raises(UserError, match=r"training\.npz: No space left on device"):
        run(model, make_recipe(), UPDATE + 2)
    assert not model.exists()
