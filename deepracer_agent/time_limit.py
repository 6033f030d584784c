"""A time limit for other people's code: ends an endless loop and says on which line it was."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.1  # s until the next alarm, should the code have swallowed the first


class Overtime(BaseException):
    """Code ran past its limit on `line`. Not an Exception: `except Exception` lets it pass."""

    def __init__(self, line: int) -> None:
        """Remember the line; 0 if it is not known."""
        super().__init__(line)
        self.line = line


@contextmanager
def time_limit(filename: str, limit: float) -> Iterator[Callable[[], object]]:
    """Yield `start`: called before a call into code compiled as `filename`, it gives it `limit` s.

    Code that takes longer is ended by Overtime. Outside the main thread, where Python delivers no
    signals, and inside a C function that does not return, nothing is interrupted: measure the
    call as well. The signal handler and timer that were there before are restored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def ring(_signal: int, frame: FrameType | None) -> None:
        line = _line_in(filename, frame)
        if line:  # our own code is never interrupted
            raise Overtime(line)

    entered = time.perf_counter()
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, 0.0)
    handler = signal.signal(signal.SIGALRM, ring)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_REAL, limit, _AGAIN)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:
            remaining -= time.perf_counter() - entered
            signal.setitimer(signal.ITIMER_REAL, max(remaining, 1e-6), interval)


def _line_in(filename: str, frame: FrameType | None) -> int:
    """Return the innermost line of a file on the stack, 0 if it is not there."""
    while frame is not None and frame.f_code.co_filename != filename:
        frame = frame.f_back
    return frame.f_lineno if frame else 0
