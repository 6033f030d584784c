"""Models of ours go out into other worlds."""

from pathlib import Path
from typing import Any

from deepracer_agent.car_archive import CarModel, write_archive
from deepracer_agent.model import GRAPH, METADATA, POLICY
from deepracer_agent.policy import Policy
from deepracer_agent.tensorflow_export import graph_of_onnx
from deepracer_agent.tensorflow_graph import read_graph
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

AWS_CAR, ONNX, OPENVINO = "aws-car", "onnx", "openvino"
SUFFIXES = {AWS_CAR: ".tar.gz", ONNX: ".onnx", OPENVINO: ".xml"}
"""The formats, and how the names of their files end."""


def export_model(folder: Path, kind: str, out: Path | None = None) -> Path:
    """Write a model in a format of SUFFIXES; return the file, by default here, by its name.

    OpenVINO's weights are a second file, .bin, beside it. Raises UserError for a model that is
    damaged or cannot become that format, and where the disk refuses.
    """
    suffix = SUFFIXES[kind]
    path = out or Path(f"{folder.resolve().name}{suffix}")
    if not path.name.endswith(suffix):
        raise UserError(f"{path}: the name of a file in the format {kind} ends in {suffix}.")
    policy = Policy(folder)  # which says what is wrong with it
    _WRITE[kind](policy, path)
    return path


def _write_car(policy: Policy, path: Path) -> None:
    graph = _car_graph(policy).SerializeToString(deterministic=True)
    metadata = policy.folder / METADATA
    model = CarModel(graph, metadata.read_bytes())
    write_atomic(path, write_archive(model, int(metadata.stat().st_mtime)))


def _write_onnx(policy: Policy, path: Path) -> None:
    source = policy.folder / POLICY
    if not source.is_file():
        raise UserError(
            f"{policy.folder} was imported and holds a TensorFlow graph, which is not turned into "
            f"ONNX. Its formats are {AWS_CAR} and {OPENVINO}."
        )
    write_atomic(path, source.read_bytes())


def _write_openvino(policy: Policy, path: Path) -> None:
    """Write what the car's own converter makes of the archive, in whole precision."""
    from deepracer_agent.openvino_engine import openvino_files, openvino_model

    network, weights = openvino_files(openvino_model(_car_graph(policy)))
    write_atomic(path.with_suffix(".bin"), weights)
    write_atomic(path, network)


def _car_graph(policy: Policy) -> Any:
    """The GraphDef of a model, with the names by which the car finds its two ends."""
    imported, trained = policy.folder / GRAPH, policy.folder / POLICY
    if trained.is_file():
        graph = graph_of_onnx(trained.read_bytes(), policy.metadata)
    else:
        graph = imported.read_bytes()
    return read_graph(graph, policy.metadata)


_WRITE = {AWS_CAR: _write_car, ONNX: _write_onnx, OPENVINO: _write_openvino}
