"""The learners that DeepRacer's files describe, and what they make of an episode's end."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from deepracer_agent.actions import load_metadata
from deepracer_agent.env import DrivingVecEnv
from deepracer_agent.hyperparameters import Hyperparameters
from deepracer_agent.learner import make_learner
from deepracer_agent.settings import Settings, build_fleet
from deepracer_sim.errors import UserError
from deepracer_sim.fleet import Fleet
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

VALUE = 5.0
SMALL = Hyperparameters(
    num_episodes_between_training=1, batch_size=16, discount_factor=0.9, beta_entropy=0.03, lr=1e-3
)


@pytest.fixture
def make(round_track):
    """A function that makes a learner over two cars that are never rewarded."""

    def make_one(actions, seed=0, **rules):
        metadata = load_metadata(actions)
        fleet = Fleet([EmbeddedWorld(load_track(round_track), 2)], **rules)
        env = DrivingVecEnv(fleet, metadata, lambda params: np.zeros(len(params)))
        return make_learner(env, metadata, SMALL, seed)

    return make_one


def collect(learner, steps):
    """Drive so many steps with every car, without learning."""
    _, callback = learner._setup_learn(1000, None)
    if isinstance(learner, PPO):
        learner.collect_rollouts(learner.env, callback, learner.rollout_buffer, steps)
    else:
        callback.on_training_start({}, {})
        for _ in range(steps):
            learner.collect_rollouts(
                learner.env, callback, learner.train_freq, learner.replay_buffer, learning_starts=0
            )


def ends_in(buffer):
    """Where episodes have ended within a rollout, (steps - 1, n)."""
    return buffer.episode_starts[1:] == 1.0


@pytest.mark.parametrize(
    ("rules", "after"),
    [
        pytest.param({"time_limit": 0.3}, 0.9 * VALUE, id="time is up: the drive would go on"),
        pytest.param({}, 0.0, id="off the track: nothing comes after"),
    ],
)
def test_ppo_looks_past_a_truncation_and_not_past_a_termination(make, rules, after):
    learner = make("default", **rules)
    torch.nn.init.zeros_(learner.policy.value_net.weight)
    torch.nn.init.constant_(learner.policy.value_net.bias, VALUE)
    collect(learner, 100)
    buffer = learner.rollout_buffer
    ends = ends_in(buffer)
    assert ends.sum() >= 2
    assert buffer.rewards[:-1][ends] == pytest.approx(after)
    assert not buffer.rewards[:-1][~ends].any()
    # and what the next episode brings is not counted into the one before
    assert buffer.advantages[:-1][ends] == pytest.approx(after - VALUE)


@pytest.mark.parametrize(("rules", "truncated"), [({"time_limit": 0.3}, True), ({}, False)])
def test_sac_looks_past_a_truncation_and_not_past_a_termination(make, rules, truncated):
    learner = make("sac", **rules)
    collect(learner, 60)
    buffer = learner.replay_buffer
    ends = buffer.dones == 1.0
    assert ends.sum() >= 1
    assert (buffer.timeouts[ends] == truncated).all()
    assert not buffer.timeouts[~ends].any()


@pytest.mark.parametrize("actions", ["default", "continuous"])
def test_ppo_is_made_of_the_hyperparameters(make, actions):
    learner = make(actions)
    assert isinstance(learner, PPO)
    assert learner.gamma == learner.env.gamma == 0.9
    assert learner.ent_coef == 0.03
    assert learner.n_epochs == SMALL.num_epochs
    assert learner.n_steps * learner.n_envs == 200
    assert learner.batch_size == 20  # the nearest to 16 that divides 200
    assert learner.value_loss == "mean squared error"
    assert learner.policy.optimizer.param_groups[0]["lr"] == 1e-3


def test_sac_is_made_of_the_hyperparameters(make):
    learner = make("sac")
    assert isinstance(learner, SAC)
    assert learner.gamma == 0.9
    assert learner.batch_size == 16
    assert learner.ent_coef == SMALL.sac_alpha
    assert learner.actor.optimizer.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize(("actions", "scaled"), [("default", True), ("sac", False)])
def test_observations_stay_as_they_are_and_ppos_rewards_are_scaled(make, actions, scaled):
    env = make(actions).env
    assert env.norm_reward == scaled
    assert not env.norm_obs


@pytest.mark.parametrize("actions", ["default", "continuous", "sac"])
def test_the_seed_decides_the_first_weights(make, actions):
    one, same, other = (
        torch.cat([weights.flatten() for weights in make(actions, seed).policy.parameters()])
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_many_cars_share_one_rollout():
    metadata = load_metadata("default")
    fleet = build_fleet(Settings(), 500)
    env = DrivingVecEnv(fleet, metadata, lambda params: np.zeros(len(params)))
    learner = make_learner(env, metadata, SMALL, 0)
    assert learner.n_steps == 2  # less makes no rollout, though 200 steps were asked for


def test_sac_that_diverges_ends_before_the_weights_are_spoilt(make):
    learner = make("sac")
    collect(learner, 20)
    learner.replay_buffer.rewards[:] = np.inf
    with pytest.raises(UserError, match=r"diverged.*Lower lr"):
        learner.train(gradient_steps=2, batch_size=16)
    assert all(torch.isfinite(weights).all() for weights in learner.policy.parameters())
