"""Where the files of ROS packages are: our own, and those of the prefixes in AMENT_PREFIX_PATH."""

import os
import sys
from pathlib import Path

from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

OURS = "deepracer_ros"


def share_of(package: str) -> Path:
    """Return the folder of a package's shared files. Raises UserError."""
    if package == OURS:
        return share_directory()
    return _prefix_of(package) / "share" / package


def executable_of(package: str, name: str) -> list[str]:
    """Return how a package's executable is called. Raises UserError."""
    if package == OURS:
        # Ours run in this very Python, which may not be the first `python3` of the PATH.
        return [sys.executable, str(_checked(_own_executables() / name, package))]
    path = _prefix_of(package) / "lib" / package / name
    return [str(_checked(path, package))]


def _own_executables() -> Path:
    share = share_directory()
    installed = share.parent.name == "share"
    return share.parents[1] / "lib" / OURS if installed else share / "libexec"


def _prefix_of(package: str) -> Path:
    prefixes = os.environ.get("AMENT_PREFIX_PATH") or sys.prefix
    for prefix in prefixes.split(os.pathsep):
        if Path(prefix, "share/ament_index/resource_index/packages", package).is_file():
            return Path(prefix)
    distribution = os.environ.get("ROS_DISTRO", "DISTRIBUTION")
    raise UserError(
        f"The ROS package {package} was not found in {prefixes} (AMENT_PREFIX_PATH). Install it, "
        f"as by: sudo apt install ros-{distribution}-{package.replace('_', '-')}"
    )


def _checked(path: Path, package: str) -> Path:
    if os.access(path, os.X_OK) and path.is_file():
        return path
    there = sorted(file.name for file in path.parent.glob("*") if os.access(file, os.X_OK))
    raise UserError(
        f"The package {package} has no executable {path.name!r} in {path.parent}. "
        f"There are: {', '.join(there) or 'none'}."
    )
