"""Hyperparameters under DeepRacer's names."""

import json
import math
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent.hyperparameters import (
    Hyperparameters,
    hyperparameters_from_json,
    ignored,
    load_hyperparameters,
    save_hyperparameters,
    shipped_hyperparameters,
)
from deepracer_sim.errors import UserError

# What the hosted service wrote beside a model in 2022.
SERVICE = {
    "batch_size": 64,
    "beta_entropy": 0.01,
    "discount_factor": 0.95,
    "e_greedy_value": 1.0,
    "epsilon_steps": 10000,
    "exploration_type": "categorical",
    "loss_type": "huber",
    "lr": 0.0003,
    "num_episodes_between_training": 20,
    "num_epochs": 3,
    "stack_size": 1,
    "term_cond_avg_score": 100000.0,
    "term_cond_max_episodes": 100000,
}

words = st.text("aeL_ 05.é", max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", shipped_hyperparameters())
def test_shipped_files_load_and_say_everything(name):
    loaded = load_hyperparameters(name)
    assert ignored(loaded) == []


def test_default_and_sac_are_shipped():
    assert set(shipped_hyperparameters()) >= {"default", "sac"}


def test_a_file_of_the_service_is_read():
    loaded = hyperparameters_from_json(SERVICE)
    assert asdict(loaded) == SERVICE | {"sac_alpha": 0.2}


def test_missing_values_are_the_defaults():
    assert hyperparameters_from_json({}) == Hyperparameters()


def test_round_trip(tmp_path):
    hyperparameters = replace(Hyperparameters(), lr=1e-5, batch_size=512, loss_type="huber")
    path = tmp_path / "hyperparameters.json"
    save_hyperparameters(hyperparameters, path)
    assert load_hyperparameters(path) == hyperparameters


def test_whole_numbers_may_be_written_as_floats():
    loaded = hyperparameters_from_json({"batch_size": 64.0, "lr": 1, "stack_size": 1.0})
    assert (loaded.batch_size, loaded.lr, loaded.stack_size) == (64, 1.0, 1)
    assert isinstance(loaded.batch_size, int)
    assert isinstance(loaded.lr, float)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"learning_rate": 1e-3}, "unknown key 'learning_rate'.*Known are 'batch_size'"),
        ({"batchsize": 64}, "unknown key 'batchsize'. Did you mean 'batch_size'"),
        ({"discount": 0.9}, "Did you mean 'discount_factor'"),
        ({"batch_size": 64.5}, "batch_size is 64.5; accepted is a whole number"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": "64"}, "batch_size is '64'"),
        ({"batch_size": True}, "batch_size is True"),
        ({"num_epochs": -1}, "num_epochs is -1"),
        ({"num_epochs": None}, "num_epochs is None"),
        ({"lr": 0}, "lr is 0; accepted is a number from 1e-08 to 1"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": math.inf}, "lr is inf"),
        ({"beta_entropy": 1.5}, "beta_entropy is 1.5"),
        ({"discount_factor": 1.01}, "discount_factor is 1.01"),
        ({"discount_factor": [0.9]}, r"discount_factor is \[0.9\]"),
        ({"loss_type": "hubert"}, "'hubert'; accepted is 'huber' or 'mean squared error'"),
        ({"loss_type": 1}, "loss_type is 1"),
        ({"num_episodes_between_training": 0}, "num_episodes_between_training is 0"),
        ({"stack_size": 4}, "stack_size is 4; accepted is 1. Stacked frames are not supported"),
        ({"stack_size": True}, "stack_size is True"),
        ({"exploration_type": 3}, "exploration_type is 3; accepted is text"),
        ({"e_greedy_value": 2}, "e_greedy_value is 2"),
        ({"epsilon_steps": -1}, "epsilon_steps is -1"),
        ({"term_cond_max_episodes": 0}, "term_cond_max_episodes is 0"),
        ({"term_cond_avg_score": "high"}, "term_cond_avg_score is 'high'"),
        ({"sac_alpha": -0.1}, "sac_alpha is -0.1"),
    ],
)
def test_bad_values_are_refused(tmp_path, data, said):
    with pytest.raises(UserError, match=said):
        hyperparameters_from_json(data)


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"lr": "fast"}))
    with pytest.raises(UserError, match=f"{path}: lr is 'fast'"):
        load_hyperparameters(path)


def test_values_that_have_no_effect_are_named_once_somebody_sets_them():
    assert ignored(Hyperparameters()) == []
    assert ignored(hyperparameters_from_json(SERVICE)) == ["e_greedy_value"]
    changed = replace(Hyperparameters(), exploration_type="e-greedy", epsilon_steps=5, lr=1e-5)
    assert ignored(changed) == ["exploration_type", "epsilon_steps"]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(Hyperparameters)]) | words, json_values
    )
)
def test_any_object_is_hyperparameters_or_a_user_error(data):
    try:
        loaded = hyperparameters_from_json(data)
    except UserError:
        return
    assert hyperparameters_from_json(asdict(loaded)) == loaded
    default = Hyperparameters()
    assert all(
        type(getattr(loaded, f.name)) is type(getattr(default, f.name)) for f in fields(loaded)
    )
