"""Inference: a camera frame in, a drive command out. No torch: this is what runs on the car."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.actions import (
    DiscreteActions,
    ModelMetadata,
    action_width,
    commands,
    load_metadata,
)
from deepracer_agent.engine import Engine
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame
from deepracer_agent.model import GRAPH, METADATA, POLICY
from deepracer_sim.errors import UserError

Array = NDArray[np.float64]


class Policy:
    """A trained driver, loaded from a model folder."""

    def __init__(self, folder: Path) -> None:
        """Load `model_metadata.json` and the network; no code of the folder's is run.

        The network is `policy.onnx`, of a model that was trained here, or `model.pb`, of one that
        was imported. Raises UserError where one is missing or damaged, or where the two do not
        belong together.
        """
        self.folder = folder
        self.metadata = load_metadata(folder / METADATA, repeats=(folder / GRAPH).is_file())
        self._engine = _engine(folder, self.metadata)
        check_answer(self._engine, self.metadata, str(folder))

    def act(self, frames: Frame) -> NDArray[Any]:
        """Actions for grey frames (n, 120, 160): indices (n,), or (n, 2), -1 to 1 being meant."""
        output = self._engine(frames)
        discrete = isinstance(self.metadata.action_space, DiscreteActions)
        return output.argmax(axis=1) if discrete else output

    def drive(self, frames: Frame) -> Array:
        """Commands (n, 2) for grey frames (n, 120, 160): steering angle rad, speed m/s."""
        return commands(self.metadata, self.act(frames))


def _engine(folder: Path, metadata: ModelMetadata) -> Engine:
    """Load what runs the folder's network; only that engine is imported."""
    if (folder / POLICY).is_file():
        from deepracer_agent.onnx_engine import load_onnx

        return load_onnx(folder / POLICY, metadata)
    if (folder / GRAPH).is_file():
        from deepracer_agent.openvino_engine import load_graph

        return load_graph(folder / GRAPH, metadata)
    raise UserError(f"{folder / POLICY} is missing: this folder holds no trained policy.")


def check_answer(engine: Engine, metadata: ModelMetadata, where: str) -> None:
    """Refuse a network whose answer is not a number. Raises UserError that names `where`."""
    answer = engine(np.zeros((1, FRAME_HEIGHT, FRAME_WIDTH), np.uint8))
    if answer.shape != (1, action_width(metadata)) or not np.isfinite(answer).all():
        raise UserError(
            f"{where}: the network gives no finite numbers for a frame: its weights are spoilt. "
            "Train or export the model again."
        )
