"""Inference: a camera frame in, a drive command out. No torch: this is what runs on the car."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from deepracer_agent.actions import DiscreteActions, ModelMetadata, commands, load_metadata
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame
from deepracer_sim.errors import UserError

Array = NDArray[np.float64]


class Policy:
    """A trained driver, loaded from a model folder."""

    def __init__(self, folder: Path) -> None:
        """Load `model_metadata.json` and `policy.onnx`; no code of the folder's is run.

        Raises UserError where one is missing or damaged, or where the two do not belong together.
        """
        self.folder = folder
        self.metadata = load_metadata(folder / "model_metadata.json")
        self._session = _session(folder / "policy.onnx")
        _check(self._session, self.metadata, folder)

    def act(self, frames: Frame) -> NDArray[Any]:
        """Actions for grey frames (n, 120, 160): indices (n,), or (n, 2) in [-1, 1]."""
        output: NDArray[Any] = self._session.run(None, {"frame": frames})[0]
        discrete = isinstance(self.metadata.action_space, DiscreteActions)
        return output.argmax(axis=1) if discrete else output

    def drive(self, frames: Frame) -> Array:
        """Commands (n, 2) for grey frames (n, 120, 160): steering angle rad, speed m/s."""
        return commands(self.metadata, self.act(frames))


def _session(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise UserError(f"{path} is missing: this folder holds no trained policy.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a frame takes well under a millisecond on one core
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime's own exceptions share no base class below Exception
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} cannot be loaded, it is damaged or no ONNX file ({reason}). "
            "Export the model again."
        ) from error


def _check(session: onnxruntime.InferenceSession, metadata: ModelMetadata, folder: Path) -> None:
    """Refuse a network that is not one of ours, or not this metadata's."""
    space = metadata.action_space
    expected = len(space.commands) if isinstance(space, DiscreteActions) else 2
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [(i.name, i.type, i.shape[1:]) for i in inputs]
    if found != [("frame", "tensor(uint8)", [FRAME_HEIGHT, FRAME_WIDTH])] or len(outputs) != 1:
        raise UserError(
            f"{folder / 'policy.onnx'} takes {found}, not one grey frame, "
            f"uint8 {FRAME_WIDTH}x{FRAME_HEIGHT}: it was not exported by this project."
        )
    if outputs[0].type != "tensor(float)" or outputs[0].shape[1:] != [expected]:
        raise UserError(
            f"{folder / 'policy.onnx'} gives {outputs[0].shape[1:]} values, but the action space "
            f"in model_metadata.json needs {expected}: the two files are of different models."
        )
    answer = _answer_to_black(session, folder)
    if answer.shape != (1, expected) or not np.isfinite(answer).all():
        raise UserError(
            f"{folder / 'policy.onnx'} gives no finite numbers for a frame: its weights are "
            "spoilt. Train the model again."
        )


def _answer_to_black(session: onnxruntime.InferenceSession, folder: Path) -> NDArray[Any]:
    black = np.zeros((1, FRAME_HEIGHT, FRAME_WIDTH), np.uint8)
    try:
        answer: NDArray[Any] = session.run(None, {"frame": black})[0]
    # as when it is loaded
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{folder / 'policy.onnx'} fails at a frame: it was not exported by this project "
            f"({reason})."
        ) from error
    return answer
