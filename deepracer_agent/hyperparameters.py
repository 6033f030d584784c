"""Hyperparameters under DeepRacer's names, read from and written as its JSON file."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from deepracer_agent.config_file import (
    check_choice,
    check_number,
    check_object,
    check_type,
    check_whole,
    find,
    read,
    shipped,
    shown,
)
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic


@dataclass(frozen=True)
class Hyperparameters:
    """How a policy is learned. A value that a file does not give is the service's own default.

    Exploration here comes from the policy's own randomness and its entropy bonus, as in every
    policy-gradient method; the three exploration values are read, kept, and have no effect.
    """

    batch_size: int = 64
    """Steps in one minibatch of gradient descent."""
    num_epochs: int = 10
    """Passes over the collected steps in one update."""
    lr: float = 3e-4
    """Learning rate."""
    beta_entropy: float = 0.01
    """Weight of the entropy bonus: more makes the driver try more."""
    discount_factor: float = 0.999
    """What a reward one step later is worth: 0.999 looks about 1000 steps ahead."""
    loss_type: str = "mean squared error"
    """Loss of the value network: 'huber' or 'mean squared error'."""
    num_episodes_between_training: int = 20
    """Episodes in one iteration."""
    stack_size: int = 1
    """Frames that the network sees at once; only 1 is supported."""
    exploration_type: str = "categorical"
    """No effect, see above."""
    e_greedy_value: float = 0.05
    """No effect, see above."""
    epsilon_steps: int = 10_000
    """No effect, see above."""
    term_cond_max_episodes: int = 100_000
    """Training ends after so many episodes."""
    term_cond_avg_score: float = 100_000.0
    """Training ends when the mean reward of an episode reaches this."""
    sac_alpha: float = 0.2
    """Weight of the entropy in SAC."""


_LOSSES = ("huber", "mean squared error")
_WHOLE_RANGES = {
    "batch_size": (1, 65_536),
    "num_epochs": (1, 100),
    "num_episodes_between_training": (1, 1000),
    "epsilon_steps": (0, 10**9),
    "term_cond_max_episodes": (1, 10**9),
}
_RANGES = {
    "lr": (1e-8, 1.0),
    "beta_entropy": (0.0, 1.0),
    "discount_factor": (0.0, 1.0),
    "e_greedy_value": (0.0, 1.0),
    "term_cond_avg_score": (-1e9, 1e9),
    "sac_alpha": (0.0, 1.0),
}
_NO_EFFECT = ("exploration_type", "e_greedy_value", "epsilon_steps")


def shipped_hyperparameters() -> list[str]:
    """Names that `load_hyperparameters` knows, sorted."""
    return shipped("hyperparameters")


def load_hyperparameters(name_or_path: str | Path) -> Hyperparameters:
    """Read a hyperparameters.json: a shipped name such as "default", or a path.

    Raises UserError with file, name, value and what is accepted.
    """
    return read(find(name_or_path, "hyperparameters"), hyperparameters_from_json)


def save_hyperparameters(hyperparameters: Hyperparameters, path: Path) -> None:
    """Write a hyperparameters.json. Raises UserError if the disk refuses."""
    write_atomic(path, json.dumps(asdict(hyperparameters), indent=2) + "\n")


def hyperparameters_from_json(data: dict[str, Any]) -> Hyperparameters:
    """Check the decoded content of a hyperparameters.json. Raises UserError."""
    names = [field.name for field in fields(Hyperparameters)]
    check_object(data, "", (), names)
    return Hyperparameters(**{name: _checked(name, value) for name, value in data.items()})


def ignored(hyperparameters: Hyperparameters) -> list[str]:
    """Names of the values that someone has set (they differ from the defaults) in vain."""
    default = Hyperparameters()
    return [name for name in _NO_EFFECT if getattr(hyperparameters, name) != getattr(default, name)]


def _checked(name: str, value: object) -> Any:
    if name in _WHOLE_RANGES:
        return check_whole(value, name, *_WHOLE_RANGES[name])
    if name in _RANGES:
        return check_number(value, name, *_RANGES[name])
    if name == "loss_type":
        return check_choice(value, name, _LOSSES)
    if name == "stack_size":
        return _stack_size(value)
    return check_type(value, name, str, "text")


def _stack_size(value: object) -> int:
    if value != 1 or isinstance(value, bool):
        raise UserError(
            f"stack_size is {shown(value)}; accepted is 1. Stacked frames are not supported: "
            "the network sees one frame at a time, as on the car."
        )
    return 1
