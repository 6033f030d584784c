"""The learning algorithm, from DeepRacer's metadata and hyperparameters."""

from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from deepracer_agent.actions import ModelMetadata
from deepracer_agent.hyperparameters import Hyperparameters
from deepracer_agent.networks import DeepRacerNetwork
from deepracer_agent.ppo import DeepRacerPPO, check_norm, minibatch

STEPS_PER_EPISODE = 200  # a lap of 13 s: what DeepRacer's episodes are worth in steps here
_GAE_LAMBDA = 0.95  # fixed in DeepRacer too
_LOG_STD = -1.0  # of continuous actions in [-1, 1], at first: SB3's 0 is too wild to steer with
_REPLAY = 50_000  # steps that SAC remembers
_WARM_UP = 2_000  # steps of chance before SAC learns
_SAC_UPDATES = 4  # per step of all cars


def make_learner(
    env: VecEnv, metadata: ModelMetadata, hyperparameters: Hyperparameters, seed: int
) -> BaseAlgorithm:
    """PPO or SAC over an environment.

    PPO's rewards are scaled by their own spread; SAC's are not, or sac_alpha would mean another
    weight for every reward function.
    An update of PPO follows every `num_episodes_between_training` times 200 steps.
    """
    sac = metadata.training_algorithm == "sac"
    scaled = VecNormalize(
        env, norm_obs=False, norm_reward=not sac, gamma=hyperparameters.discount_factor
    )
    policy: dict[str, Any] = {
        "features_extractor_class": DeepRacerNetwork,
        "features_extractor_kwargs": {"network": metadata.neural_network},
        "net_arch": [],
    }
    common: dict[str, Any] = {
        "learning_rate": hyperparameters.lr,
        "gamma": hyperparameters.discount_factor,
        "seed": seed,
        "device": "cpu",
        "policy_kwargs": policy,
    }
    make = _sac if sac else _ppo
    learner = make(scaled, hyperparameters, common)
    learner.set_logger(Logger(None, []))  # SB3's own makes an empty folder for each training
    # convolutions are up to twice as fast on CPUs with the channels innermost
    learner.policy.to(memory_format=torch.channels_last)
    return learner


def _ppo(
    env: VecNormalize, hyperparameters: Hyperparameters, common: dict[str, Any]
) -> BaseAlgorithm:
    collected = hyperparameters.num_episodes_between_training * STEPS_PER_EPISODE
    steps = max(2, round(collected / env.num_envs))
    common["policy_kwargs"]["optimizer_kwargs"] = {"eps": 1e-5}
    common["policy_kwargs"]["log_std_init"] = _LOG_STD
    learner = DeepRacerPPO(
        "CnnPolicy",
        env,
        n_steps=steps,
        batch_size=minibatch(steps * env.num_envs, hyperparameters.batch_size),
        n_epochs=hyperparameters.num_epochs,
        gae_lambda=_GAE_LAMBDA,
        ent_coef=hyperparameters.beta_entropy,
        **common,
    )
    learner.value_loss = hyperparameters.loss_type
    return learner


def _sac(
    env: VecNormalize, hyperparameters: Hyperparameters, common: dict[str, Any]
) -> BaseAlgorithm:
    learner = SAC(
        "CnnPolicy",
        env,
        buffer_size=_REPLAY,
        batch_size=hyperparameters.batch_size,
        learning_starts=_WARM_UP,
        gradient_steps=_SAC_UPDATES,
        ent_coef=hyperparameters.sac_alpha,
        **common,
    )
    for optimizer in (learner.actor.optimizer, learner.critic.optimizer):
        optimizer.register_step_pre_hook(_check_gradients)
    return learner


def _check_gradients(optimizer: torch.optim.Optimizer, *_arguments: object) -> None:
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    check_norm(
        torch.nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])
    )
