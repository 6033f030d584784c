"""The folder of one world's files: whatever ends its owner, the next start removes it."""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from deepracer_sim.gazebo.installation import writing

_PREFIX = "deepracer-"
_MARK = ".deepracer_world"  # tells our folders from those of others, and is locked by the owner


def claim_folder(parent: Path) -> tuple[Path, IO[bytes]]:
    """Make a folder, ours while the file that comes with it is open; remove those without owner.

    Raises UserError where it cannot be made.
    """
    with writing(parent):
        _sweep(parent)
        part = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
        mark = (part / _MARK).open("wb")
        fcntl.flock(mark, fcntl.LOCK_EX)
        # Only now under the name that others look for, who would take the lock.
        return part.rename(parent / part.name[1:]), mark


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, gone, another user's, or none of ours
            handle = os.open(folder / _MARK, os.O_WRONLY | os.O_NOFOLLOW)
            with open(handle, "wb") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
