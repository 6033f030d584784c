"""The guard, as the process that drives the car sees it."""

import array
import fcntl
import os
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from deepracer_hw.guard_process import PATIENCE

_PACKAGES = Path(__file__).resolve().parents[1]
# Without site packages it starts in a tenth of the time.
_PYTHON = (sys.executable, "-I", "-S", "-c")
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from deepracer_hw.guard_process import main; main(sys.argv[2:])"
)
_START = 5.0  # s that a slow computer may take to start it


class Guard:
    """A process that brings the car to rest unless it is told to live on, every 0.35 s."""

    def __init__(self, at_rest: Sequence[tuple[Path, int]]) -> None:
        """Start it. at_rest: files, and what they hold while the car is at rest.

        Raises OSError where no process can be started.
        """
        words = [str(word) for pair in at_rest for word in pair]
        self._process = subprocess.Popen(
            [*_PYTHON, _CODE, str(_PACKAGES), *words],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is not for it
        )
        self.pid = self._process.pid
        assert self._process.stdin
        self._pipe: IO[bytes] = self._process.stdin
        os.set_blocking(self._pipe.fileno(), False)
        self._listened = time.monotonic() + _START  # when it last had read all beats
        os.write(self._pipe.fileno(), b".")

    def beat(self) -> None:
        """Say that all is well. Raises OSError where the guard does not listen any more."""
        now = time.monotonic()
        if not self._unread():
            self._listened = now
        elif now - self._listened > PATIENCE:
            raise ChildProcessError("the guard is stuck")
        try:
            os.write(self._pipe.fileno(), b".")
        except (BrokenPipeError, BlockingIOError) as error:
            raise ChildProcessError("the guard has ended") from error

    def _unread(self) -> int:
        """How many beats the guard has not read yet."""
        count = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, count)
        return count[0]

    def leave(self) -> None:
        """Let it bring the car to rest, and end then."""
        self._pipe.close()

    def kill(self) -> None:
        """End it at once: the car is at rest."""
        self._process.kill()
        self._process.wait()
        self.leave()
