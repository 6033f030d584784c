"""Signals: Ctrl-C and SIGTERM end a training for certain, and saving is left undisturbed."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepracer_sim.errors import UserError

_ENDING = (signal.SIGINT, signal.SIGTERM)
_AT_ONCE = 1.0  # s; a signal to a process and another by its launch are one wish

_raised = -math.inf  # when a signal last became an exception: signals are the whole process's


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C and SIGTERM end what runs in here by KeyboardInterrupt.

    Python drops an exception that comes while it clears an object away, and a half-done import
    may turn it into another one. So call what is yielded now and then: it raises
    KeyboardInterrupt if it was asked for; other errors become one then, but for UserError.
    What follows the first signal at once does not break into what the first has begun to end.
    """
    asked = False

    def interrupt(*_: object) -> None:
        global _raised
        nonlocal asked
        asked = True
        now = time.monotonic()
        if now - _raised > _AT_ONCE:
            _raised = now
            raise KeyboardInterrupt

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    with _handled_by(interrupt):
        try:
            yield check
        except UserError:
            raise
        except Exception as error:
            if asked:
                raise KeyboardInterrupt from error
            raise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let nothing but SIGKILL break into saving."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    """Handle both signals otherwise for a while, but for those that are ignored, as by nohup."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's business
        return
    heard = [number for number in _ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
