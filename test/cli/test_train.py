"""`deepracer train`: options, what it says, and how it ends."""

import shutil
import signal
import tempfile
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

import deepracer_cli.train
from deepracer_agent.actions import save_metadata
from deepracer_agent.checkpoint import read_counters
from deepracer_agent.hyperparameters import save_hyperparameters
from deepracer_agent.rewards import DEFAULT_REWARD
from deepracer_agent.settings import LARGEST_SEED, MOST_CARS, Settings, load_settings
from deepracer_cli.main import app
from deepracer_sim.errors import UserError


@pytest.fixture
def small(tmp_path, monkeypatch, make_recipe, round_track):
    """The options of a training of a few seconds, and a folder to work in."""
    monkeypatch.chdir(tmp_path)
    recipe = make_recipe()
    save_metadata(recipe.metadata, tmp_path / "actions.json")
    save_hyperparameters(recipe.hyperparameters, tmp_path / "hyperparameters.json")
    files = ["--actions", "actions.json", "--hyperparameters", "hyperparameters.json"]
    return [*files, "--cars", "4", "--track", round_track]


def train(*options, code=0):
    result = CliRunner().invoke(app, ["train", *map(str, options)])
    assert result.exit_code == code, result.output
    return result


def fails(*options):
    error = train(*options, code=1).exception
    assert isinstance(error, UserError)
    return str(error)


def reward(folder, body):
    path = folder / "mine.py"
    path.write_text(f"n = 0\ndef reward_function(params):\n    global n\n    n += 1\n    {body}\n")
    return path


def test_help_is_for_newcomers():
    shown = train("--help").output
    for words in ("Train a driver from camera pixels", "reinvent_2018", "center_line", "random:N"):
        assert words in shown


def test_it_leaves_no_log_of_its_library(small, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    train(*small, "--steps", 100)
    assert not list(temporary.glob("SB3*"))


def test_cars_of_gazebo_cannot_be_randomised(small):
    told = train(*small, "--world", "gazebo", "--randomize", "mild", code=2).output
    assert "leave --randomize out" in " ".join(told.replace("│", " ").split())


def test_the_defaults_and_limits_that_help_states_are_those_of_the_settings():
    hints = get_type_hints(deepracer_cli.train.train, include_extras=True)
    options = {name: hint.__metadata__[0] for name, hint in hints.items() if name != "return"}
    default = Settings()
    assert (options["track"].show_default,) == default.tracks
    assert options["reward"].show_default == DEFAULT_REWARD
    for name in ("car", "camera", "cars", "randomize", "seed"):
        assert options[name].show_default == str(getattr(default, name))
    assert options["cars"].max == MOST_CARS
    assert options["seed"].max == LARGEST_SEED


@pytest.mark.parametrize(
    "options",
    [
        ("--minutes", "nan"),
        ("--minutes", "inf"),
        ("--minutes", "0"),
        ("--minutes", "-1"),
        ("--minutes", "soon"),
        ("--lap-rate", "nan"),
        ("--lap-rate", "101"),
        ("--lap-rate", "0"),
        ("--steps", "0"),
        ("--steps", "1.5"),
        ("--cars", "0"),
        ("--cars", "1025"),
        ("--seed", "-1"),
        ("--seed", str(2**32)),
        ("--resume", "--overwrite"),
        ("--colour", "red"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    train(*options, code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--track", "nowhere"), "no track 'nowhere'"),
        (("--track", "missing.yaml"), "no track file missing.yaml"),
        (("--track", "random:0"), "random:N"),
        (("--reward", "nothing"), "No reward function nothing"),
        (("--actions", "defualt"), "Did you mean 'default'?"),
        (("--hyperparameters", "missing.json"), "missing.json"),
        (("--car", "lorry"), "lorry"),
        (("--camera", "eye"), "eye"),
        (("--randomize", "wild"), "must be one of off, mild, strong, found 'wild'"),
        (("--cars", "1", "--track", "oval", "--track", "alley"), "1 cars cannot drive on 2 tracks"),
        (("--name", "../x"), "'../x' cannot name a model"),
        (("--resume",), "There is no model"),
        (("--resume", "--name", "x"), "There is no model 'x'"),
    ],
)
def test_a_users_mistake_leaves_nothing(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    assert said in fails("--steps", "8", *options)
    assert not list(tmp_path.iterdir())


def test_a_training_from_beginning_to_end(small, tmp_path):
    shown = train("--steps", 8, "--seed", 5, *small).output
    assert "Training models/model-1 on" in shown
    assert "8 steps in" in shown
    assert "See it drive: deepracer evaluate model-1" in shown
    assert load_settings(tmp_path / "models" / "model-1" / "checkpoint").seed == 5

    assert "models/model-1 exists already" in fails("--steps", 8, "--name", "model-1", *small)
    assert "The model is in models/model-2." in train("--steps", 8, *small).output

    assert "Going on with models/model-2" in train("--steps", 8, "--resume").output
    assert read_counters(tmp_path / "models" / "model-2" / "checkpoint").steps == 16

    train("--steps", 8, "--name", "model-2", "--overwrite", *small)
    assert read_counters(tmp_path / "models" / "model-2" / "checkpoint").steps == 8


def test_what_is_given_anew_replaces_what_the_model_was_trained_with(learned):
    train("--resume", "--steps", 8, "--cars", 3, "--reward", "progress", "--clockwise",
          "--randomize", "strong")  # fmt: skip
    settings = load_settings(learned / "checkpoint")
    assert (settings.cars, settings.clockwise, settings.randomize) == (3, True, "strong")
    assert "Get on" in (learned / "reward_function.py").read_text()


def test_hyperparameters_without_effect_are_told(small, tmp_path):
    (tmp_path / "hyperparameters.json").write_text(
        '{"e_greedy_value": 0.5, "num_epochs": 1, "num_episodes_between_training": 1}'
    )
    assert "e_greedy_value has no effect" in train("--steps", 8, *small).output


@pytest.mark.parametrize("options", [("--overwrite", "--track", "nowhere"), ("--track", "nowhere")])
def test_an_old_model_stays_where_the_new_one_cannot_be(learned, options):
    before = (learned / "policy.onnx").read_bytes()
    fails("--steps", "8", "--name", "learned", *options)
    assert (learned / "policy.onnx").read_bytes() == before


@pytest.mark.parametrize("name", ["../precious", "/precious"])
def test_nothing_outside_the_models_is_overwritten(learned, tmp_path, name):
    precious = shutil.copytree(learned, tmp_path / "precious")
    given = str(precious) if name.startswith("/") else name
    assert "cannot name a model" in fails("--steps", "8", "--name", given, "--overwrite")
    assert (precious / "policy.onnx").is_file()


def test_what_a_killed_training_left_can_be_overwritten(small, tmp_path):
    left = tmp_path / "models" / "m"
    (left / "simtrace").mkdir(parents=True)
    assert "exists already" in fails("--steps", "8", "--name", "m", *small)
    train("--steps", "8", "--name", "m", "--overwrite", *small)
    assert (left / "model_metadata.json").is_file()
    assert not (left / "simtrace").exists()  # no episode has ended yet


def test_a_reward_that_fails_late_is_told_and_the_model_kept(small, tmp_path):
    mine = reward(tmp_path, "return 1.0 if n < 75 else None")
    result = train("--steps", 10**6, "--name", "m", "--reward", mine, *small, code=1)
    assert f"{mine}, line 2: reward_function returned None" in str(result.exception)
    assert "models/m holds what was learned" in result.output
    assert (tmp_path / "models" / "m" / "model_metadata.json").is_file()


def test_a_reward_that_fails_early_is_told_and_nothing_kept(small, tmp_path):
    mine = reward(tmp_path, "return 1.0 if n < 5 else 1 / 0")
    result = train("--steps", 10**6, "--name", "m", "--reward", mine, *small, code=1)
    assert f"{mine}, line 5: ZeroDivisionError" in str(result.exception)
    assert "no model is kept" in result.output
    assert not (tmp_path / "models" / "m").exists()


def test_ctrl_c_before_the_first_update_leaves_nothing(small, tmp_path):
    mine = reward(tmp_path, "if n == 30: raise KeyboardInterrupt\n    return 1.0")
    result = train("--name", "m", "--reward", mine, *small, code=130)
    assert "no model is kept" in result.output
    assert not (tmp_path / "models" / "m").exists()


def test_ctrl_c_ends_the_command_and_keeps_the_model(small, tmp_path, start_training):
    """The real command, interrupted by the real signal as soon as it has learned something."""
    model = tmp_path / "models" / "m"
    until = (model / "model_metadata.json").is_file
    process = start_training("--name", "m", *small, until=until)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert errors == "Interrupted.\n"
    assert "go on with: deepracer train --name m --resume" in output
    assert read_counters(model / "checkpoint").steps > 0
