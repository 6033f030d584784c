"""Checkpoints: all that a training needs to go on, in one file without pickle."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

Arrays = dict[str, NDArray[Any]]
FILE = "training.npz"


@dataclass
class Counters:
    """How far a training has come, over all its sessions."""

    steps: int = 0  # of all cars
    episodes: int = 0
    sim_time: float = 0.0  # s
    train_time: float = 0.0  # s of wall time
    best_progress_pct: float = -1.0  # of the policy that was exported
    best_lap_time: float = float("inf")  # s


def save_checkpoint(folder: Path, learner: BaseAlgorithm, counters: Counters) -> None:
    """Write networks, optimisers, the reward's scale and the counters to `folder`."""
    arrays = {"counters": np.array(json.dumps(asdict(counters)))}
    for name, state in learner.get_parameters().items():
        values = state["state"] if "optimizer" in name else {"": state}
        for key, tensors in values.items():
            for kind, tensor in tensors.items():
                arrays[f"{name}/{key}/{kind}"] = tensor.detach().cpu().numpy()
    scale = learner.get_env()
    assert isinstance(scale, VecNormalize)
    arrays["reward_scale"] = np.array([scale.ret_rms.mean, scale.ret_rms.var, scale.ret_rms.count])
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomic(folder / FILE, buffer.getvalue())


def load_checkpoint(folder: Path, learner: BaseAlgorithm) -> Counters:
    """Put a checkpoint into a learner of the same shape; return the counters.

    The learning rate stays the learner's own. Raises UserError for a missing or damaged file and
    for one of a different network.
    """
    path = folder / FILE
    arrays = _read(path)
    try:
        learner.set_parameters(_parameters(arrays, learner), exact_match=True)
        scale = learner.get_env()
        assert isinstance(scale, VecNormalize)
        mean, variance, count = arrays["reward_scale"].astype(np.float64)
        scale.ret_rms.mean, scale.ret_rms.var, scale.ret_rms.count = mean, variance, count
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} does not fit this model's network and actions: it was made with others, or "
            "is damaged. Resume with the model_metadata.json it was trained with, or train a new "
            "model."
        ) from error
    return _counters(arrays, path)


def read_counters(folder: Path) -> Counters:
    """The counters of a checkpoint. Raises UserError for a missing or damaged file."""
    return _counters(_read(folder / FILE), folder / FILE)


def _counters(arrays: Arrays, path: Path) -> Counters:
    try:
        values = json.loads(str(arrays["counters"]))
        return Counters(
            **{name: kind(values[name]) for name, kind in Counters.__annotations__.items()}
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error!r}). Train a new model.") from error


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise UserError(f"{path} is missing: this model cannot be resumed. Train a new one.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    # a damaged file makes zipfile and numpy raise almost anything
    except Exception as error:
        raise UserError(f"{path} is damaged ({error}). Train a new model.") from error


def _parameters(arrays: Arrays, learner: BaseAlgorithm) -> dict[str, dict[str, Any]]:
    """The learner's own parameters with the checkpoint's values in place of theirs."""
    parameters: dict[str, dict[str, Any]] = learner.get_parameters()
    for name, state in parameters.items():
        found = _under(arrays, f"{name}/")
        if "optimizer" in name:
            state["state"] = {int(key): values for key, values in found.items()}
        else:
            state.clear()
            state.update(found[""])
    return parameters


def _under(arrays: Arrays, prefix: str) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors whose names begin with a prefix, by the two parts that follow it."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in arrays.items():
        if name.startswith(prefix):
            key, kind = name[len(prefix) :].split("/", 1)
            found.setdefault(key, {})[kind] = torch.from_numpy(value)
    return found
