"""The dialogue that finds the pulses of a car, each shown by the car itself while it is turned."""

import time
from collections.abc import Callable
from typing import Literal

from deepracer_agent.terminal import END, split_keys
from deepracer_cli.dial import STEP, Dial
from deepracer_hw.calibration import Actuator, Calibration, make_actuator
from deepracer_hw.outputs import Outputs
from deepracer_sim.errors import UserError

Name = Literal["motor", "servo"]

_PERIOD = 0.02  # s between two steps: pulses change by 0.25 ms a second at most
_HELP = """Arrow keys turn, or type microseconds and Enter; Enter alone accepts what is shown.
Ctrl-C leaves everything as it was.
"""


class Dialogue:
    """Asks for one pulse after the other."""

    def __init__(
        self, outputs: Outputs, beat: Callable[[], None], typed: Callable[[], str], old: Calibration
    ) -> None:
        """Begin where the car is at rest. typed: what was typed since its last call."""
        self._outputs, self._beat, self._typed, self._old = outputs, beat, typed, old
        self._keys: list[str] = []  # typed, and not acted on yet
        self._live: dict[Name, int] = {"motor": old.motor.mid, "servo": old.servo.mid}  # ns

    def run(self) -> Calibration:
        """Return what was found. Raises OSError as the car refuses, UserError as the input ends."""
        print(_HELP)
        self._wait(
            "Motor and servo get power now: lift the car, so that no wheel touches anything."
        )
        self._outputs.power()
        servo = _until_good(self._ask_servo)
        self._wait("Now the motor: the wheels will spin. Is the car still lifted?")
        return Calibration(servo, _until_good(self._ask_motor))

    def _ask_servo(self) -> Actuator:
        old = self._old.servo
        centre = self._ask("servo", "centre, wheels straight ahead", old.mid)
        left = self._ask("servo", "left, as far as they go freely", old.pulse(1.0))
        right = self._ask("servo", "right, likewise", old.pulse(-1.0))
        self._settle("servo", centre)
        return make_actuator(centre, left, right)

    def _ask_motor(self) -> Actuator:
        old = self._old.motor
        neutral = self._ask("motor", "neutral, wheels at rest", old.mid)
        forwards = self._ask_end("forwards, the highest speed", neutral, old.pulse(1.0))
        backwards = self._ask_end("backwards, likewise", neutral, old.pulse(-1.0))
        return make_actuator(neutral, forwards, backwards)

    def _ask_end(self, prompt: str, neutral: int, old: int) -> int:
        """Ask for an end of the motor's range, from neutral on, which nobody means."""
        pulse = self._ask("motor", f"{prompt} (Enter keeps {old / 1e3:g} us)", neutral)
        self._settle("motor", neutral)
        return old if pulse == neutral else pulse

    def _ask(self, name: Name, prompt: str, start: int) -> int:
        dial, before = Dial(start), ""
        while not dial.is_accepted:
            shown = f"  {prompt}: {dial.pulse / 1e3:g} us {dial.typed}"
            if shown != before:
                print(f"\r{shown:79}", end="", flush=True)
            before = shown
            self._press(dial)
            if dial.refused:
                print(f"\r{'  ' + dial.refused:79}")
                dial.refused = before = ""
            self._approach(name, dial.pulse)
        print()
        self._settle(name, dial.pulse)
        return dial.pulse

    def _wait(self, prompt: str) -> None:
        """Wait for Enter."""
        print(f"{prompt} Enter goes on.", flush=True)
        dial = Dial(0)
        while not dial.is_accepted:
            self._press(dial)
            self._settle("motor", self._live["motor"])

    def _press(self, dial: Dial) -> None:
        keys = split_keys(self._typed())
        if END in keys:  # before what was typed ahead, as nobody watches
            raise UserError("The input has ended, so nothing was saved. Begin again.")
        self._keys += keys
        while self._keys and not dial.is_accepted:
            dial.press(self._keys.pop(0))

    def _settle(self, name: Name, pulse: int) -> None:
        """Turn an output until it gives a pulse, ns."""
        while not self._approach(name, pulse):
            pass

    def _approach(self, name: Name, pulse: int) -> bool:
        """Turn an output by a small step towards a pulse, ns; return whether it gives it now."""
        self._live[name] += min(max(pulse - self._live[name], -STEP), STEP)
        self._outputs.put(self._live["motor"], self._live["servo"])
        self._beat()
        time.sleep(_PERIOD)
        return self._live[name] == pulse


def _until_good(ask: Callable[[], Actuator]) -> Actuator:
    """Ask again while the answers do not fit each other."""
    while True:
        try:
            return ask()
        except ValueError as error:
            print(f"{error}. Once more:")
