"""What defines a driver's training, read from files for a new model or from an existing one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from deepracer_agent import model as folder
from deepracer_agent.actions import ModelMetadata, load_metadata
from deepracer_agent.hyperparameters import Hyperparameters, load_hyperparameters
from deepracer_agent.rewards import DEFAULT_REWARD, Reward, load_reward
from deepracer_agent.settings import Settings, load_settings
from deepracer_sim.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """All that defines a driver's training."""

    metadata: ModelMetadata
    hyperparameters: Hyperparameters
    reward: Reward
    settings: Settings


@dataclass(frozen=True)
class Budget:
    """When a training ends: at the first of these. None means no limit of that kind."""

    minutes: float | None = None
    steps: int | None = None
    lap_rate: float | None = None  # of the last 100 episodes, 0..1


class Files(NamedTuple):
    """Names or paths of what a driver is made with; None means the default, or the model's own."""

    reward: str | None = None
    actions: str | None = None
    hyperparameters: str | None = None


def new_recipe(files: Files, settings: Mapping[str, Any]) -> Recipe:
    """Read the files of a new model; `settings` go in place of the defaults. Raises UserError."""
    metadata = load_metadata(files.actions or "default")
    fallback = "sac" if metadata.training_algorithm == "sac" else "default"
    return Recipe(
        metadata,
        load_hyperparameters(files.hyperparameters or fallback),
        load_reward(files.reward or DEFAULT_REWARD),
        Settings(**settings),
    )


def old_recipe(model: Path, files: Files, settings: Mapping[str, Any]) -> Recipe:
    """Read what an existing model was made with; what is given anew goes in its place.

    Raises UserError where the model cannot be resumed.
    """
    if (model / folder.GRAPH).is_file():
        raise UserError(f"{model} was imported, and learns no more: its graph is frozen.")
    return Recipe(
        load_metadata(files.actions or model / folder.METADATA),
        load_hyperparameters(files.hyperparameters or model / folder.HYPERPARAMETERS),
        load_reward(files.reward or model / folder.REWARD),
        replace(load_settings(model / folder.CHECKPOINT), **settings),
    )
