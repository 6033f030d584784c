"""The terminal's keyboard, key by key, whatever the standard input is."""

import copy
import os
import re
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

END = "\x04"  # Ctrl-D, and what is read of a terminal that is gone

_OFF = b"\0"  # of a control character
_ONE_KEY = re.compile(r"\x1b[\[O][0-9;]*.|.", re.DOTALL)  # a terminal's sequence, or a character


@contextmanager
def keyboard() -> Iterator[Callable[[], str] | None]:
    """Yield a function that returns what was typed since its last call; the echo is off.

    Yields None where there is no terminal, or another process has its keyboard. The terminal is
    as before when this ends. Ctrl-C works; Ctrl-Z and Ctrl-\\, which would leave it as it is now,
    do not.
    """
    terminal = _foreground_terminal()
    if terminal is None:
        yield None
        return
    before = termios.tcgetattr(terminal)
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, _key_by_key(before))
        yield lambda: _read(terminal)
    finally:
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
        os.close(terminal)


def split_keys(text: str) -> list[str]:
    """The keys that were typed: characters, and what a terminal sends for other keys."""
    return _ONE_KEY.findall(text)


def _key_by_key(settings: list[Any]) -> list[Any]:
    *flags, characters = copy.deepcopy(settings)
    flags[3] &= ~(termios.ECHO | termios.ICANON)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    characters[termios.VSUSP] = characters[termios.VQUIT] = _OFF
    return [*flags, characters]


def _foreground_terminal() -> int | None:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    if os.tcgetpgrp(terminal) == os.getpgrp():
        return terminal
    os.close(terminal)
    return None


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode(errors="replace") or END
    except BlockingIOError:  # nothing was typed
        return ""
    except OSError:  # the terminal was closed
        return END
