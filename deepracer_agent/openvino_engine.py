"""Inference by OpenVINO: what runs DeepRacer's own models, here as on their car."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.actions import ModelMetadata, action_width
from deepracer_agent.engine import Engine
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame
from deepracer_agent.tensorflow_graph import MAX_BYTES, MAX_NUMBERS, read_graph
from deepracer_sim.errors import UserError

# One core, whole precision: the same command on every computer.
_OPTIONS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def load_graph(path: Path, metadata: ModelMetadata) -> Engine:
    """Load a model.pb. Raises UserError, also where OpenVINO is not installed."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # of which one too many is refused
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return engine_of(data, metadata)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def engine_of(data: bytes, metadata: ModelMetadata) -> Engine:
    """Make the content of a model.pb run. Raises UserError, as `load_graph`, without a path."""
    network = openvino_model(read_graph(data, metadata))
    width = action_width(metadata)
    found = [output.get_partial_shape().to_string() for output in network.outputs]
    if found != [f"[1,{width}]"]:
        raise UserError(
            f"gives {', '.join(found)} values, but the action space in model_metadata.json needs "
            f"{width}: the two files are of different models."
        )
    with _telling():
        request = _core().compile_model(network, "CPU", _OPTIONS).create_infer_request()

    def run(frames: Frame) -> NDArray[np.float32]:
        outputs = np.empty((len(frames), width), np.float32)
        with _telling():
            for frame, output in zip(frames, outputs, strict=True):
                pixels = frame.astype(np.float32)[None, :, :, None]  # (1, 120, 160, 1)
                output[:] = next(iter(request.infer([pixels]).values()))
        return outputs

    return run


def openvino_model(graph: Any) -> Any:
    """A checked GraphDef as OpenVINO's Model for one frame, (1, 120, 160, 1).

    Raises UserError where OpenVINO is missing or cannot read it.
    """
    with _telling():
        network = _read(_core(), graph.SerializeToString())
    _check_sizes(network)
    return network


def _read(core: Any, graph: bytes) -> Any:
    """Read a graph by way of a file: OpenVINO takes TensorFlow's from files alone."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.pb"
            path.write_bytes(graph)
            network = core.read_model(path)
            network.reshape([1, FRAME_HEIGHT, FRAME_WIDTH, 1])
            return network
    except OSError as error:
        raise _no_room(str(error.strerror)) from error


def openvino_files(network: Any) -> tuple[bytes, bytes]:
    """The content of a Model's .xml and .bin, in whole precision. Raises UserError."""
    import openvino

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.xml"
            openvino.save_model(network, path, compress_to_fp16=False)
            return path.read_bytes(), path.with_suffix(".bin").read_bytes()
    except OSError as error:
        raise _no_room(str(error.strerror)) from error
    except RuntimeError as error:  # all that OpenVINO tells of a disk that refuses
        raise _no_room(str(error)) from error


def _no_room(reason: str) -> UserError:
    return UserError(
        f"OpenVINO's temporary file cannot be written ({reason}): make room on the disk that holds "
        "it, or name a folder on another one, TMPDIR=FOLDER."
    )


def _core() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise UserError(
            "this needs the Python package openvino, which is not installed: pip install openvino"
        ) from error
    return openvino.Core()


@contextmanager
def _telling() -> Iterator[None]:
    """Turn OpenVINO's errors into a UserError."""
    try:
        yield
    except UserError:
        raise
    # OpenVINO's own exceptions share no base class below Exception
    except Exception as error:
        lines = [line.strip("- ") for line in str(error).splitlines() if line.strip()]
        reason = (
            lines[-1] if lines else type(error).__name__
        )  # what comes before is for its authors
        raise UserError(f"OpenVINO cannot run it ({reason}).") from error


def _check_sizes(network: Any) -> None:
    """Refuse a network that is small to store and too large to run."""
    for operator in network.get_ops():
        for output in operator.outputs():
            shape = output.get_partial_shape()
            if shape.is_dynamic or np.prod(shape.to_shape(), dtype=float) > MAX_NUMBERS:
                raise UserError(
                    f"its node {operator.get_friendly_name()} gives {shape} numbers for one frame."
                )
