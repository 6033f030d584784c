"""Trainings that are broken off: by signals, by the reward function, by the disk."""

import math
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deepracer_agent import train as training
from deepracer_agent.actions import Command, ContinuousActions, ModelMetadata
from deepracer_agent.checkpoint import FILE, read_counters
from deepracer_agent.recipe import Budget
from deepracer_agent.rewards import RewardError
from deepracer_agent.train import train
from deepracer_sim.errors import UserError

UPDATE = 200  # steps of one rollout of these recipes
CONTINUOUS = ModelMetadata(
    ContinuousActions(Command(math.radians(-30), 0.5), Command(math.radians(30), 1.5))
)
SAC = replace(CONTINUOUS, training_algorithm="sac")


def silent(progress):
    pass


def run(folder, recipe, steps, **options):
    return train(folder, recipe, Budget(steps=steps), silent, **options)


def reward_file(folder, line):
    """A reward function that counts its calls in `n`; each car has a count of its own."""
    path = folder / "mine.py"
    lines = ["n = 0", "def reward_function(params):", "    global n", "    n += 1", f"    {line}"]
    path.write_text("\n".join([*lines, "    return 1.0", ""]))
    return str(path)


@pytest.fixture(autouse=True)
def short_judgement(monkeypatch):
    """Let few cars drive to see how it goes."""
    monkeypatch.setattr(training, "_JUDGED_CARS", 2)


# Interruptions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_and_keeps_what_was_learned(
    make_recipe, model, monkeypatch, number, check_consistent
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
    reward = reward_file(tmp_path, "if n == 40: raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        run(model, make_recipe(SAC, reward), 10**6)
    assert not model.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("if n == 75: raise RuntimeError('no idea')", "line 5: RuntimeError: no idea"),
        ("if n == 75: return float('nan')", "line 2: reward_function returned nan"),
        ("if n == 75: return 'much'", "line 2: reward_function returned 'much'"),
    ],
)
def test_a_reward_that_fails_late_ends_the_training_and_keeps_what_was_learned(
    make_recipe, model, tmp_path, line, said, check_consistent
):
    recipe = make_recipe(reward=reward_file(tmp_path, line))
    with pytest.raises(RewardError, match=rf"mine\.py, {said}"):
        run(model, recipe, 10**6)
    assert check_consistent(model, recipe).steps == 4 * 74


def test_a_reward_that_fails_early_leaves_nothing(make_recipe, model, tmp_path):
    recipe = make_recipe(reward=reward_file(tmp_path, "if n == 30: raise RuntimeError"))
    with pytest.raises(RewardError):
        run(model, recipe, 10**6)
    assert not model.exists()


def test_sigkill_leaves_what_the_last_checkpoint_holds(
    make_recipe, tmp_path, round_track, start_training, check_consistent
):
    """The command itself, saving after every update, killed in the middle of the work."""
    recipe = make_recipe()
    model = tmp_path / "models" / "m"
    run(tmp_path / "given", recipe, 8)
    options = ["--actions", "given/model_metadata.json", "--cars", "4", "--track", round_track]
    more = ["--hyperparameters", "given/hyperparameters.json", "--name", "m", "--minutes", "9"]

    def saved_thrice():
        with suppress(UserError):  # there is no checkpoint yet
            return read_counters(model / "checkpoint").steps >= 3 * UPDATE

    process = start_training(*options, *more, until=saved_thrice)
    process.kill()
    process.communicate()
    before = read_counters(model / "checkpoint")
    run(model, recipe, UPDATE, resume=True)
    for half_written in model.rglob(".*"):
        half_written.unlink()
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


def test_a_full_disk_leaves_the_last_checkpoint(
    make_recipe, model, monkeypatch, check_consistent, contents
):
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
