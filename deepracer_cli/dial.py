"""A number that is turned with the keyboard."""

from deepracer_hw.calibration import LONGEST, SHORTEST

STEP = 5_000  # ns, of one press

_UP, _DOWN = ("\x1b[A", "\x1b[C", "\x1bOA", "\x1bOC"), ("\x1b[B", "\x1b[D", "\x1bOB", "\x1bOD")
_STEPS = {**dict.fromkeys(_UP, STEP), **dict.fromkeys(_DOWN, -STEP)}
_DIGITS = 4


class Dial:
    """A pulse, ns. Arrow keys turn it by steps, a number of us with Enter sets it."""

    def __init__(self, pulse: int) -> None:
        """Begin at a pulse, ns."""
        self.pulse = pulse
        self.typed = ""  # digits without their Enter
        self.is_accepted = False  # by Enter alone

    def press(self, key: str) -> None:
        """Act on a key; others do nothing."""
        if key in _STEPS:
            self._turn(self.pulse + _STEPS[key])
        elif key in "0123456789":
            self.typed = (self.typed + key)[:_DIGITS]
        elif key in "\x7f\b":
            self.typed = self.typed[:-1]
        elif key in "\r\n":
            self._enter()

    def _enter(self) -> None:
        if not self.typed:
            self.is_accepted = True
        else:
            self._turn(int(self.typed) * 1000)
            self.typed = ""

    def _turn(self, pulse: int) -> None:
        self.pulse = min(max(pulse, SHORTEST), LONGEST)
