"""A camera that is read in a thread of its own: only the newest picture counts."""

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing

from deepracer_hw.camera import CameraFault, Shot

_RETRY = 1.0  # s between two attempts to open a lost camera
_PATIENCE = 2.0  # s for the thread to end; a device that hangs may not keep the process


class Capture:
    """Reads pictures until it is closed; a camera that is lost is opened again."""

    def __init__(
        self, shots: Callable[[], Generator[Shot, None, None]], tell: Callable[[], None]
    ) -> None:
        """shots: opens the camera. tell: called in the thread when there is something to take."""
        self._shots = shots
        self._tell = tell
        self._newest: deque[Shot] = deque(maxlen=1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.fault = ""  # why there are no pictures

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self) -> Shot | None:
        """The newest picture, once; None where it was taken already."""
        return self._newest.pop() if self._newest else None

    def close(self) -> None:
        """Read no more."""
        self._closed.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._read()
            except (CameraFault, OSError) as error:
                self.fault = str(error)
                self._closed.wait(_RETRY)

    def _read(self) -> None:
        with closing(self._shots()) as shots:
            for shot in shots:
                if self._closed.is_set():
                    return
                self.fault = ""
                self._newest.append(shot)
                self._tell()
        self.fault = "the film has ended"
        self._closed.set()
