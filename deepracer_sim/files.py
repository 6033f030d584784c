"""Files: where the project's own are found, and how ours are written."""

import os
import tempfile
from pathlib import Path

from deepracer_sim.errors import UserError


def share_directory() -> Path:
    """Return the folder that holds `worlds/`, `config/` and `launch/`.

    In a source tree (and an editable install) it is the tree itself; after `pip install` or
    `colcon build` it is `share/deepracer_ros` of the prefix that this file was installed to.
    """
    for parent in Path(__file__).resolve().parents:
        if (parent / "package.xml").is_file() and (parent / "worlds").is_dir():
            return parent
        if (parent / "share" / "deepracer_ros" / "worlds").is_dir():
            return parent / "share" / "deepracer_ros"
    raise UserError(
        f"The folder share/deepracer_ros was not found above {Path(__file__).parent}: "
        "install the package again (pip install deepracer_ros)."
    )


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    Raises UserError when the disk refuses (full, read-only, no such folder); what stood at
    `path` before is then untouched and no temporary file is left.
    """
    content = data.encode() if isinstance(data, str) else data
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"Cannot write {path}: {error.strerror}. The previous file, if any, is unchanged."
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
