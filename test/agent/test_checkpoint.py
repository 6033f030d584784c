"""Checkpoints: what comes back, and what is refused."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepracer_agent.actions import load_metadata
from deepracer_agent.checkpoint import (
    FILE,
    Counters,
    load_checkpoint,
    read_counters,
    save_checkpoint,
)
from deepracer_agent.env import DrivingVecEnv
from deepracer_agent.hyperparameters import Hyperparameters
from deepracer_agent.learner import make_learner
from deepracer_agent.settings import Settings, build_fleet
from deepracer_sim.errors import UserError

COUNTERS = Counters(400, 17, 12.5, 60.0, 42.0, 9.5)
SMALL = Hyperparameters(num_episodes_between_training=1, num_epochs=1, batch_size=100)


def new_learner(actions="default", seed=0):
    metadata = load_metadata(actions)
    fleet = build_fleet(Settings(tracks=("oval",)), 2)
    env = DrivingVecEnv(fleet, metadata, lambda params: np.arange(len(params), dtype=np.float64))
    return make_learner(env, metadata, SMALL, seed)


def learn(learner):
    """One rollout and one update, with the same random numbers every time."""
    learner.set_random_seed(7)
    learner.learn(200)
    return learner


def weights(learner):
    return torch.cat([one.detach().flatten() for one in learner.policy.parameters()])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the checkpoint of a learner that has learned a little, and that learner."""
    folder = tmp_path_factory.mktemp("checkpoint")
    learner = learn(new_learner())
    save_checkpoint(folder, learner, COUNTERS)
    return folder, learner


@pytest.fixture
def damaged(tmp_path):
    """A function that writes what stands in the place of a checkpoint, and gives its folder."""

    def write(content):
        (tmp_path / FILE).write_bytes(content)
        return tmp_path

    return write


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_everything_comes_back(saved):
    folder, learner = saved
    other = new_learner(seed=1)
    assert not torch.equal(weights(other), weights(learner))
    assert load_checkpoint(folder, other) == COUNTERS
    assert read_counters(folder) == COUNTERS
    assert torch.equal(weights(other), weights(learner))
    assert other.env.ret_rms.var == learner.env.ret_rms.var
    assert other.env.ret_rms.count == learner.env.ret_rms.count


def test_the_optimiser_goes_on_where_it_was(saved):
    folder, learner = saved
    other = new_learner(seed=1)
    load_checkpoint(folder, other)
    mine, its = (one.policy.optimizer.state_dict() for one in (learner, other))
    assert mine["state"].keys() == its["state"].keys() != set()
    for key, values in mine["state"].items():
        for name, value in values.items():
            assert torch.equal(its["state"][key][name], value)


def test_the_learning_rate_is_the_learners_own(saved):
    folder, _ = saved
    other = new_learner()
    other.policy.optimizer.param_groups[0]["lr"] = 0.5
    load_checkpoint(folder, other)
    assert other.policy.optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("actions", ["continuous", "sac"])
def test_other_algorithms_come_back_too(tmp_path, actions):
    learner, other = new_learner(actions), new_learner(actions, seed=1)
    save_checkpoint(tmp_path, learner, Counters())
    assert load_checkpoint(tmp_path, other) == Counters()
    assert torch.equal(weights(other), weights(learner))


def test_the_file_holds_no_pickle(saved):
    folder, _ = saved
    with np.load(folder / FILE, allow_pickle=False) as file:
        assert all(array.dtype != object for array in dict(file).values())


def test_a_pickle_in_it_is_not_run(damaged, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    for content in (pickle.dumps(Evil()), npz(counters=np.array(Evil(), dtype=object))):
        with pytest.raises(UserError, match="is damaged"):
            read_counters(damaged(content))
    assert not (tmp_path / "evil").exists()


def test_a_missing_one_is_told(tmp_path):
    with pytest.raises(UserError, match=r"training\.npz is missing.*Train a new one"):
        load_checkpoint(tmp_path, new_learner())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", npz(counters="{}")[:-20]])
def test_what_is_no_npz_is_refused(damaged, content):
    with pytest.raises(UserError, match=r"training\.npz is damaged"):
        read_counters(damaged(content))


def test_a_single_array_is_refused(damaged):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    with pytest.raises(UserError, match="is damaged"):
        read_counters(damaged(buffer.getvalue()))


@pytest.mark.parametrize(
    "counters",
    ["", "[]", "{}", '{"steps": "many"}', '{"steps": Infinity}', '{"steps": null}', "3"],
)
def test_spoilt_counters_are_refused(damaged, counters):
    with pytest.raises(UserError, match="is damaged"):
        read_counters(damaged(npz(counters=counters)))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_byte_makes_no_traceback(damaged, data):
    content = bytearray(npz(counters="{}", weights=np.arange(6.0)))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    with pytest.raises(UserError):  # the counters are empty in any case
        read_counters(damaged(content))


@pytest.mark.parametrize("actions", ["service_2022", "continuous", "sac"])
def test_one_of_other_actions_is_refused(saved, actions):
    folder, _ = saved
    with pytest.raises(UserError, match=r"does not fit this model's network and actions"):
        load_checkpoint(folder, new_learner(actions))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda arrays: arrays.pop("reward_scale"), id="scale is missing"),
        pytest.param(lambda arrays: arrays.update(reward_scale=np.zeros(2)), id="scale of two"),
        pytest.param(lambda arrays: arrays.update(reward_scale=np.array("x")), id="scale of text"),
        pytest.param(lambda arrays: arrays.update({"policy/x": np.zeros(2)}), id="name too short"),
        pytest.param(
            lambda arrays: arrays.update({"policy//action_net.bias": np.array("x")}), id="text"
        ),
        pytest.param(
            lambda arrays: arrays.update({"policy//action_net.bias": np.zeros(3)}), id="size"
        ),
        pytest.param(
            lambda arrays: arrays.update({"policy.optimizer/x/step": np.zeros(1)}), id="optimiser"
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(saved, damaged, change):
    with np.load(saved[0] / FILE) as file:
        arrays = dict(file)
    change(arrays)
    with pytest.raises(UserError, match="does not fit"):
        load_checkpoint(damaged(npz(**arrays)), new_learner())
