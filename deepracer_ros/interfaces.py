"""ackermann_msgs and tf2_msgs, of which PyPI has no wheels: made once for those of ROS 2.

Where a ROS installation has them they are imported from it, and nothing is made.
"""

import fcntl
import importlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from deepracer_ros import rosidl
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

NAMES = ("ackermann_msgs", "tf2_msgs")

_HIDDEN = ".deepracer-interfaces"


def origin(name: str) -> Path | None:
    """Return the folder that Python imports a message package from; None where there is none."""
    try:
        found = find_spec(f"{name}.msg")
    except ModuleNotFoundError:
        return None
    return Path(found.origin).parents[1] if found and found.origin else None


def missing() -> list[str]:
    """Return which of the two packages cannot be imported."""
    return [name for name in NAMES if origin(name) is None]


def ensure() -> list[str]:
    """Make what is missing, if anything is, as `build` does. Return the names of what was made."""
    return build() if missing() else []


def build() -> list[str]:
    """Make the missing packages below sys.prefix, in about ten seconds; return their names.

    All is made in a temporary folder and moved at the end. Raises UserError where ROS, a
    compiler or Python's headers are missing, or the prefix cannot be written to.
    """
    _check_tools()
    prefix = Path(sys.prefix)
    try:
        with _locked(prefix), TemporaryDirectory(prefix=f"{_HIDDEN}-", dir=prefix) as folder:
            names = missing()  # another process may have made them while this one waited
            sources = [share_directory() / "interfaces" / name for name in names]
            _move(rosidl.make(sources, Path(folder)), prefix)
    except OSError as error:
        raise UserError(
            f"Cannot write {error.filename or prefix}: {error.strerror}. Free some space, or "
            "install deepracer_ros in an environment of your own (python3 -m venv FOLDER)."
        ) from error
    return names


def _check_tools() -> None:
    rclpy = find_spec("rclpy")
    if rclpy is None or rclpy.origin is None:
        raise UserError("ROS 2 was not found. Install it: pip install 'deepracer_ros[ros]'")
    if not Path(rclpy.origin).is_relative_to(sys.prefix):
        raise UserError(_from_distribution(Path(rclpy.origin).parents[1]))
    lacking = [name for name in ("gcc", "g++") if shutil.which(name) is None]
    header = Path(sysconfig.get_path("include"), "Python.h")
    lacking += [] if header.is_file() else [str(header)]
    if lacking:
        raise UserError(
            f"To make {' and '.join(missing())}, {' and '.join(lacking)} must be there. "
            "On Debian and Ubuntu: sudo apt install g++ python3-dev"
        )


def _from_distribution(folder: Path) -> str:
    distribution = os.environ.get("ROS_DISTRO", "DISTRIBUTION")
    packages = [f"ros-{distribution}-{name.replace('_', '-')}" for name in missing()]
    return (
        f"The ROS 2 in {folder} lacks {' and '.join(missing())}. "
        f"Install what is missing: sudo apt install {' '.join(packages)}"
    )


@contextmanager
def _locked(prefix: Path) -> Iterator[None]:
    """One process at a time is inside; the file remains, since removing it would be a race."""
    with open(prefix / f"{_HIDDEN}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        importlib.invalidate_caches()
        yield
        importlib.invalidate_caches()


def _move(stage: Path, prefix: Path) -> None:
    files = [path for path in stage.rglob("*") if path.is_file()]
    # The __init__.py last: what can be imported is complete.
    for path in sorted(files, key=lambda path: path.name == "__init__.py"):
        target = prefix / path.relative_to(stage)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
