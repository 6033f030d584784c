"""The model folder: names of its files, and finding one among others."""

import re
import shutil
from os.path import isfile
from pathlib import Path

from deepracer_sim.errors import UserError

MODELS = Path("models")  # under the folder that one works in

METADATA = "model_metadata.json"
HYPERPARAMETERS = "hyperparameters.json"
REWARD = "reward_function.py"
POLICY = "policy.onnx"  # of a model that was trained here
GRAPH = "model.pb"  # of one that was imported
CHECKPOINT = "checkpoint"


def list_models(models: Path = MODELS) -> list[Path]:
    """The folders that hold a model, oldest first."""
    folders = [path.parent for path in models.glob(f"*/{METADATA}")]
    return sorted(folders, key=lambda folder: ((folder / METADATA).stat().st_mtime, folder.name))


def find_model(name: str | None, models: Path = MODELS) -> Path:
    """A model by its name or its folder; None means the newest.

    Raises UserError, with the names there are, where there is no such model.
    """
    known = list_models(models)
    if name is None:
        if not known:
            raise UserError(f"There is no model in {models}/ yet. Train one: deepracer train")
        return known[-1]
    for folder in (models / name, Path(name)):
        if isfile(folder / METADATA):  # no error for a name that no file can have
            return folder
    names = ", ".join(folder.name for folder in known) or "none"
    raise UserError(f"There is no model {name!r} in {models}/. The models there are: {names}.")


def new_model(name: str | None, models: Path = MODELS, *, overwrite: bool = False) -> Path:
    """The folder for a new model, not yet made; None means the next free model-N.

    Raises UserError for a name that no folder should have, and for one that is taken; with
    `overwrite`, it may be that of a folder, which the caller removes.
    """
    if name is None:
        taken = {path.name for path in models.glob("model-*")}
        name = next(f"model-{n}" for n in range(1, len(taken) + 2) if f"model-{n}" not in taken)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(
            f"{name!r} cannot name a model: use letters, digits, '.', '_' and '-', "
            "beginning with a letter or a digit."
        )
    folder = models / name
    if folder.exists() and not (overwrite and folder.is_dir()):
        if not (folder / METADATA).exists():
            raise UserError(
                f"{folder} exists already, but holds no whole model, as where a training was "
                "broken off: replace it (--overwrite), or choose another --name."
            )
        raise UserError(
            f"The model {folder} exists already: go on with it (--resume), "
            "replace it (--overwrite), or choose another --name."
        )
    return folder


def remove_model(folder: Path) -> None:
    """Remove a model for good. Raises UserError where that is refused."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise UserError(f"Cannot remove {folder}: {error.strerror or error}.") from error
