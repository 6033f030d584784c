"""A number that is turned with the keyboard."""

import re

from deepracer_hw.calibration import LONGEST, SHORTEST

STEP = 5_000  # ns, of one press

_UP, _DOWN = ("\x1b[A", "\x1b[C", "\x1bOA", "\x1bOC"), ("\x1b[B", "\x1b[D", "\x1bOB", "\x1bOD")
_STEPS = {**dict.fromkeys(_UP, STEP), **dict.fromkeys(_DOWN, -STEP)}
_JUMP = 500_000  # ns, of one number: what is further is a typo, and the car follows
_NUMBER = re.compile("[0-9]{1,4}")
_MOST_TYPED = 8  # characters; longer than a number, so that none is cut to one that is good


class Dial:
    """A pulse, ns. Arrow keys turn it by steps, a number of us with Enter sets it."""

    def __init__(self, pulse: int) -> None:
        """Begin at a pulse, ns."""
        self.pulse = pulse
        self.typed = ""  # what has no Enter yet
        self.refused = ""  # what was typed and why it was not taken, until someone clears it
        self.is_accepted = False  # by Enter alone

    def press(self, key: str) -> None:
        """Act on a key; others do nothing."""
        if key in _STEPS:
            self._turn(self.pulse + _STEPS[key])
        elif key in "\x7f\b":
            self.typed = self.typed[:-1]
        elif key in "\r\n":
            self._enter()
        elif len(key) == 1 and key.isprintable():
            self.typed = (self.typed + key)[:_MOST_TYPED]

    def _enter(self) -> None:
        if not self.typed:
            self.is_accepted = True
        else:
            self._set(self.typed)
            self.typed = ""

    def _set(self, typed: str) -> None:
        low, high = max(self.pulse - _JUMP, SHORTEST), min(self.pulse + _JUMP, LONGEST)
        if _NUMBER.fullmatch(typed) and low <= int(typed) * 1000 <= high:
            self.pulse = int(typed) * 1000
        else:
            whole = f"whole microseconds from {low / 1e3:g} to {high / 1e3:g}"
            self.refused = f"{typed!r} was not taken: {whole}, please."

    def _turn(self, pulse: int) -> None:
        self.pulse = min(max(pulse, SHORTEST), LONGEST)
