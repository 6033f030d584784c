"""Driving by hand: keys and a gamepad in, drive commands out.

A terminal tells when a key is pressed, and again while it is held, but not when it is let go. So
each press is one step, and whoever lets go of all keys is taken to want to stop. Times are s, of a
clock that never jumps.
"""

import math
from collections.abc import Sequence

from deepracer_agent.actions import Command
from deepracer_agent.terminal import split_keys

HELP = """Drive with the arrow keys or W A S D; hold a key or tap it.
  up, W: faster    down, S: slower, then backwards    left, A    right, D    space: stop
Let go of all keys and the car rolls to a stop. Ctrl-C ends."""

HOLD = 0.5  # s that a key counts as held; most terminals repeat a held one sooner
ROLL_OUT = 0.5  # s from there to standstill
LET_GO = HOLD + ROLL_OUT + 0.2  # s after the last key until others may drive: 0.2 s of stopping
STEPS = 5  # presses from 0 to the largest speed or steering angle

_KEYS = {  # steps of steering, left positive, and of speed
    **dict.fromkeys(("w", "\x1b[A", "\x1bOA"), (0, 1)),
    **dict.fromkeys(("s", "\x1b[B", "\x1bOB"), (0, -1)),
    **dict.fromkeys(("d", "\x1b[C", "\x1bOC"), (-1, 0)),
    **dict.fromkeys(("a", "\x1b[D", "\x1bOD"), (1, 0)),
}
_STOP_KEY = " "

# Of sensor_msgs/Joy as game_controller_node of the package joy numbers them, for all gamepads.
STEERING_AXIS, SPEED_AXIS = 0, 3  # left stick, left positive; right stick, forwards positive
DEADMAN_BUTTON = 9  # left shoulder: the gamepad drives while it is held


class _Lever:
    """A value from -1 to 1 that fades to 0 when it is not touched any more."""

    def __init__(self) -> None:
        self._value = 0.0
        self.touched = -math.inf  # s, when last

    def put(self, value: float, now: float) -> None:
        self._value = min(max(value, -1.0), 1.0)
        self.touched = now

    def at(self, now: float) -> float:
        faded = (now - self.touched - HOLD) / ROLL_OUT
        return self._value * min(max(1.0 - faded, 0.0), 1.0)


class Teleop:
    """Turns what hands do into commands."""

    def __init__(self, max_speed: float, max_steering_angle: float) -> None:
        """Command at most `max_speed`, m/s, and `max_steering_angle`, rad, either way."""
        self._largest = Command(max_steering_angle, max_speed)
        self._steering, self._speed = _Lever(), _Lever()
        self._deadman = False

    def keys(self, text: str, now: float) -> None:
        """Act on what was typed on a terminal; other keys do nothing."""
        for key in split_keys(text):
            if key == _STOP_KEY:
                self._put(0.0, 0.0, now)
            elif key in _KEYS:
                self._press(*_KEYS[key], now)

    def _press(self, steering: int, speed: int, now: float) -> None:
        """Turn and speed up by steps. Any key holds the speed; only its own hold the steering."""
        if steering:
            self._steering.put(self._steering.at(now) + steering / STEPS, now)
        self._speed.put(self._speed.at(now) + speed / STEPS, now)

    def joy(self, axes: Sequence[float], buttons: Sequence[int], now: float) -> None:
        """Act on a gamepad: drive while the dead man's button is held, stop when it is let go.

        Raises ValueError where an axis or button is missing or no number.
        """
        if len(axes) <= SPEED_AXIS or len(buttons) <= DEADMAN_BUTTON:
            raise ValueError(
                f"the gamepad has {len(axes)} axes and {len(buttons)} buttons, needed are "
                f"{SPEED_AXIS + 1} and {DEADMAN_BUTTON + 1} (does game_controller_node send it?)"
            )
        steering, speed = axes[STEERING_AXIS], axes[SPEED_AXIS]
        if not (math.isfinite(steering) and math.isfinite(speed)):
            raise ValueError(f"the gamepad's sticks are not finite: {steering}, {speed}")
        held = bool(buttons[DEADMAN_BUTTON])
        if held:
            self._put(steering, speed, now)
        elif self._deadman:
            self._put(0.0, 0.0, now)
        self._deadman = held

    def _put(self, steering: float, speed: float, now: float) -> None:
        self._steering.put(steering, now)
        self._speed.put(speed, now)

    def command(self, now: float) -> Command | None:
        """What the hands want now; None where they have let go and the car has stopped."""
        if now - self._speed.touched > LET_GO:
            return None
        steering, speed = self._steering.at(now), self._speed.at(now)
        return Command(steering * self._largest.steering_angle, speed * self._largest.speed)
