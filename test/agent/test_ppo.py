"""The loss of PPO, and what stops a learning that has gone wrong."""

import pytest
import torch

from deepracer_agent.env import DrivingVecEnv
from deepracer_agent.learner import make_learner
from deepracer_agent.ppo import check_norm, minibatch
from deepracer_agent.settings import build_fleet
from deepracer_sim.errors import UserError

ERROR = 10.0  # of the value function, in the batch of these tests


@pytest.fixture
def learner_and_batch(make_recipe):
    """A learner, and a batch from its own policy whose returns are all off by ERROR."""
    recipe = make_recipe(batch_size=20, beta_entropy=0.0)
    env = DrivingVecEnv(build_fleet(recipe.settings, 2), recipe.metadata, recipe.reward)
    learner = make_learner(env, recipe.metadata, recipe.hyperparameters, seed=0)
    _, callback = learner._setup_learn(1000, None)
    learner.collect_rollouts(learner.env, callback, learner.rollout_buffer, 100)
    batch = next(learner.rollout_buffer.get(20))
    values = learner.policy.predict_values(batch.observations).flatten().detach()
    return learner, batch._replace(returns=values + ERROR)


@pytest.mark.parametrize(("rollout", "asked", "size"), [(400, 64, 50), (2, 64, 2), (97, 10, 97)])
def test_a_minibatch_divides_the_rollout(rollout, asked, size):
    assert minibatch(rollout, asked) == size


@pytest.mark.parametrize(
    ("loss", "of_value"), [("mean squared error", ERROR**2), ("huber", ERROR - 0.5)]
)
def test_the_value_loss_is_the_one_asked_for(learner_and_batch, loss, of_value):
    learner, batch = learner_and_batch
    learner.value_loss = loss
    # the ratio is 1 and the advantages' mean 0, so that nothing but the value's loss is left
    assert learner._loss(batch).item() == pytest.approx(0.5 * of_value, abs=1e-3)


def test_entropy_is_rewarded(learner_and_batch):
    learner, batch = learner_and_batch
    without = learner._loss(batch).item()
    learner.ent_coef = 0.5
    entropy = torch.log(torch.tensor(3.0)).item()  # of three actions, almost equally likely
    assert without - learner._loss(batch).item() == pytest.approx(0.5 * entropy, rel=0.01)


@pytest.mark.parametrize(("advantage", "gain"), [(1.0, 1.2), (-1.0, -2.0)])
def test_what_an_update_may_gain_is_clipped(learner_and_batch, advantage, gain):
    learner, batch = learner_and_batch
    values = learner.policy.predict_values(batch.observations).flatten().detach()
    one = batch._replace(
        observations=batch.observations[:1],
        actions=batch.actions[:1],
        old_log_prob=batch.old_log_prob[:1] - torch.log(torch.tensor(2.0)),  # a ratio of 2
        advantages=torch.tensor([advantage]),
        returns=values[:1],
    )
    assert -learner._loss(one).item() == pytest.approx(gain, abs=1e-4)


def test_learning_that_diverges_ends_before_the_weights_are_spoilt(learner_and_batch):
    learner, _ = learner_and_batch
    learner.rollout_buffer.returns[:] = float("inf")
    with pytest.raises(UserError, match=r"diverged.*Lower lr"):
        learner.train()
    assert all(torch.isfinite(weights).all() for weights in learner.policy.parameters())


def test_a_finite_norm_is_fine():
    check_norm(torch.tensor(1e30))
