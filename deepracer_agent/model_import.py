"""Models of DeepRacer's own world become model folders."""

import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from deepracer_agent.actions import KEYS, ModelMetadata, metadata_from_json, save_metadata
from deepracer_agent.car_archive import read_car_model
from deepracer_agent.config_file import decode, json_object, shown
from deepracer_agent.model import CHECKPOINT, GRAPH, METADATA, MODELS, new_model
from deepracer_agent.policy import Policy
from deepracer_agent.settings import Settings, save_settings
from deepracer_agent.tensorflow_graph import read_graph
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

_TRIAL = """
import sys
sys.path[:] = sys.argv[2:]
from pathlib import Path
from deepracer_agent.model_import import trial
trial(Path(sys.argv[1]))
"""
_REFUSED = 3  # exit code
# A DeepRacer network answers its first frame within a second of computing and 300 MB.
_LIMITS = {resource.RLIMIT_CPU: 60, resource.RLIMIT_AS: 8_000_000_000, resource.RLIMIT_CORE: 0}


def import_model(
    path: Path,
    name: str | None = None,
    models: Path = MODELS,
    tell: Callable[[str], None] = lambda note: None,
) -> Path:
    """Make a model folder of a car's archive, or of a model.pb; return it.

    tell: is called with what is odd about it and does no harm. The folder appears whole, after its
    network has answered a frame. Raises UserError; nothing is left behind then.
    """
    if name is None:
        name = _name(path) or None
    folder = new_model(name, models, overwrite=True)  # judges the name
    if folder.exists():
        raise UserError(
            f"The model {folder} exists already: choose another --name, or remove it "
            f"(deepracer models remove {folder.name})."
        )
    model = read_car_model(path)
    where = str(path) if path.suffix == ".pb" else f"{path}, {GRAPH}"
    try:
        metadata = _metadata(json_object(decode(model.metadata)), tell)
    except UserError as error:
        raise UserError(f"{path}, {METADATA}: {error}") from error
    try:
        graph = read_graph(model.graph, metadata).SerializeToString(deterministic=True)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    _make(folder, graph, metadata, where)
    return folder


def _name(path: Path) -> str:
    """A name for the model: the archive's, or that of the folder of a model.pb."""
    whole = path.resolve().parent.name if path.suffix == ".pb" else path.name
    stem = re.sub(r"(\.tar)?(\.t?gz)?$", "", whole)
    return re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._-]+", "-", stem).strip("-")[:100]


def _metadata(data: dict[str, Any], tell: Callable[[str], None]) -> ModelMetadata:
    """Check metadata as other programs and people wrote them: what is clear is good enough."""
    if unknown := sorted(data.keys() - KEYS):
        tell(f"{METADATA}: unknown keys are ignored: {shown(unknown)}.")
    known = {key: data[key] for key in KEYS if key in data}
    return metadata_from_json(known, repeats=True)


def _make(folder: Path, graph: bytes, metadata: ModelMetadata, where: str) -> None:
    """Write the folder beside its place, try it, and move it there."""
    first = not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as place:
            new = Path(place) / folder.name
            write_atomic(new / GRAPH, graph)
            save_settings(Settings(), new / CHECKPOINT)  # where to evaluate it
            save_metadata(metadata, new / METADATA)
            _try(new, where)
            os.rename(new, folder)
    except OSError as error:
        raise UserError(f"Cannot make the model folder {folder}: {error.strerror}.") from error
    finally:
        if first:
            with suppress(OSError):  # it is there to stay once it holds a model
                folder.parent.rmdir()


def _try(folder: Path, where: str) -> None:
    """Let the network answer a frame, in a process of its own: OpenVINO dies of some graphs."""
    command = [sys.executable, "-c", _TRIAL, str(folder), *sys.path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == _REFUSED:
        raise UserError(
            re.sub(rf"{re.escape(str(folder))}(/{GRAPH})?", lambda _: where, done.stderr)
        )
    if done.returncode:
        raise UserError(
            f"{where}: OpenVINO breaks down at it (exit code {done.returncode}). It is damaged, or "
            "was not made by DeepRacer."
        )


def trial(folder: Path) -> None:
    """Load a model within limits; exit with what is wrong with it. For a process of its own."""
    for kind, most in _LIMITS.items():
        resource.setrlimit(kind, (most, most))
    try:
        Policy(folder)
    except UserError as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)
