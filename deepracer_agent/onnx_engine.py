"""Inference by onnxruntime: what runs the models that were trained here."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from deepracer_agent.actions import ModelMetadata, action_width
from deepracer_agent.engine import Engine
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame
from deepracer_sim.errors import UserError


def load_onnx(path: Path, metadata: ModelMetadata) -> Engine:
    """Load a policy.onnx. Raises UserError for one that is damaged or not this metadata's."""
    session = _session(path)
    _check(session, action_width(metadata), path)

    def run(frames: Frame) -> NDArray[np.float32]:
        try:
            output: NDArray[np.float32] = session.run(None, {"frame": frames})[0]
        # as when it is loaded
        except Exception as error:
            raise UserError(
                f"{path} fails at a frame: it was not exported by this project "
                f"({_first_line(error)})."
            ) from error
        return output

    return run


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a frame takes well under a millisecond on one core
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime's own exceptions share no base class below Exception
    except Exception as error:
        raise UserError(
            f"{path} cannot be loaded, it is damaged or no ONNX file ({_first_line(error)}). "
            "Export the model again."
        ) from error


def _check(session: onnxruntime.InferenceSession, width: int, path: Path) -> None:
    """Refuse a network that is not one of ours, or not this metadata's."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [(i.name, i.type, i.shape[1:]) for i in inputs]
    if found != [("frame", "tensor(uint8)", [FRAME_HEIGHT, FRAME_WIDTH])] or len(outputs) != 1:
        raise UserError(
            f"{path} takes {found}, not one grey frame, "
            f"uint8 {FRAME_WIDTH}x{FRAME_HEIGHT}: it was not exported by this project."
        )
    if outputs[0].type != "tensor(float)" or outputs[0].shape[1:] != [width]:
        raise UserError(
            f"{path} gives {outputs[0].shape[1:]} values, but the action space "
            f"in model_metadata.json needs {width}: the two files are of different models."
        )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
