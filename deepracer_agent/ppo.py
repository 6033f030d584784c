"""PPO as DeepRacer's hyperparameters describe it."""

import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from torch import Tensor
from torch.nn import functional

from deepracer_sim.errors import UserError

_CLIP = 0.2  # of the probability ratio; fixed in DeepRacer too
_VALUE_WEIGHT = 0.5
_MAX_GRADIENT = 0.5


class DeepRacerPPO(PPO):
    """Stable-Baselines3's PPO with a choice of loss for the value function.

    `value_loss` is set after construction: "huber" or "mean squared error".
    """

    value_loss = "huber"

    def train(self) -> None:
        """Update the policy from the rollout buffer. Raises UserError where learning diverges."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        for _ in range(self.n_epochs):
            for batch in self.rollout_buffer.get(self.batch_size):
                self.policy.optimizer.zero_grad()
                self._loss(batch).backward()
                parameters = self.policy.parameters()
                check_norm(torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT))
                self.policy.optimizer.step()
        self._n_updates += self.n_epochs

    def _loss(self, batch: RolloutBufferSamples) -> Tensor:
        """Clipped surrogate objective, value loss and entropy bonus of one minibatch."""
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, actions)
        advantages = batch.advantages
        if len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        ratio = torch.exp(log_prob - batch.old_log_prob)
        clipped = torch.clamp(ratio, 1 - _CLIP, 1 + _CLIP)
        objective = torch.min(advantages * ratio, advantages * clipped).mean()
        loss = functional.huber_loss if self.value_loss == "huber" else functional.mse_loss
        value = loss(values.flatten(), batch.returns)
        bonus = -log_prob.mean() if entropy is None else entropy.mean()
        return -objective + _VALUE_WEIGHT * value - self.ent_coef * bonus


def check_norm(norm: Tensor) -> None:
    """Stop before gradients of a norm that is no number spoil the weights. Raises UserError."""
    if not torch.isfinite(norm):
        raise UserError(
            "Learning has diverged: the gradients are no finite numbers any more. "
            "Lower lr in hyperparameters.json."
        )


def minibatch(rollout: int, batch_size: int) -> int:
    """The minibatch size nearest to `batch_size` that divides a rollout evenly."""
    return min(
        (size for size in range(2, rollout + 1) if rollout % size == 0),
        key=lambda size: abs(size - batch_size),
    )
