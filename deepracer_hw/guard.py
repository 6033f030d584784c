"""The guard, as the process that drives the car sees it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_PACKAGES = Path(__file__).resolve().parents[1]
# Without site packages it starts in a tenth of the time.
_PYTHON = (sys.executable, "-I", "-S", "-c")
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from deepracer_hw.guard_process import main; main(sys.argv[2:])"
)


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
        # The least a pipe can hold, so that it is full soon where the guard is stuck.
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, 4096)

    def beat(self) -> None:
        """Say that all is well. Raises OSError where the guard does not listen any more."""
        try:
            os.write(self._pipe.fileno(), b".")
        except (BrokenPipeError, BlockingIOError) as error:
            raise ChildProcessError("the guard has ended or is stuck") from error

    def leave(self) -> None:
        """Let it bring the car to rest, and end then."""
        self._pipe.close()

    def kill(self) -> None:
        """End it at once: the car is at rest."""
        self._process.kill()
        self._process.wait()
        self.leave()
