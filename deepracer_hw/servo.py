"""Commands to pulses. Nothing moves until it is enabled, nor where there is a doubt.

Times are s of a clock that never jumps.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from deepracer_hw.calibration import Calibration
from deepracer_hw.guard import Guard
from deepracer_hw.outputs import Outputs
from deepracer_hw.pwm import claimed
from deepracer_hw.sysfs import reason, write_all
from deepracer_hw.throttle import Limits, ThrottleTable
from deepracer_sim.errors import UserError

TICK = 0.02  # s, one period of the pulses
# s that a command is good for: the tick that ends it comes up to one later, or late itself, and
# by 0.2 s the pulses have to be neutral.
PATIENCE = 0.2 - 2 * TICK

_REPEAT = 1.0  # s between two neutral pulses, and between two tries to find what has failed


class Servo:
    """Motor and servo of one car. Call `tick` every TICK s, and `close` at the end."""

    def __init__(
        self, root: Path, calibration: Calibration, limits: Limits, throttle: ThrottleTable
    ) -> None:
        """Begin without the hardware: `tick` finds it."""
        self.enabled = False
        self.fault = ""  # what made it go off, or keeps it off
        self.pulses = calibration.motor.mid, calibration.servo.mid  # ns, the last ones
        self._root = root
        self._calibration = calibration
        self._limits = limits
        self._throttle = throttle
        self._outputs: Outputs | None = None
        self._guard: Guard | None = None
        self._claim = ExitStack()
        self._due = -math.inf  # when the pulses become neutral, or the hardware is looked for

    @property
    def is_there(self) -> bool:
        """Whether the hardware is, and works."""
        return self._outputs is not None

    def tick(self, now: float) -> None:
        """Tell the guard that all is well; make the pulses neutral where no command comes."""
        if now < self._due:
            self._do(lambda outputs: None)
        elif self._outputs:
            self.stop(now)
        else:
            self._connect(now)

    def obey(self, steering_angle: float, speed: float, age: float, now: float) -> None:
        """Obey a command, rad (left positive) and m/s, that was given `age` s ago, if enabled.

        Raises ValueError for one that is not finite, too old, or from the future; it stops the car.
        """
        if not (math.isfinite(steering_angle) and math.isfinite(speed) and abs(age) < PATIENCE):
            self.stop(now)
            raise ValueError(
                f"steering {steering_angle:g} rad, speed {speed:g} m/s, {age:.3f} s old (at most "
                f"{PATIENCE:g} s; do the clocks agree?)"
            )
        if self.enabled:
            self._due = now + PATIENCE - max(age, 0.0)
            steering = steering_angle / self._limits.steering_angle
            motor = self._calibration.motor.pulse(self._throttle.throttle(speed))
            self._put(motor, self._calibration.servo.pulse(steering))

    def stop(self, now: float) -> None:
        """Make the pulses neutral. The next good command is obeyed."""
        if self._outputs:
            self._due = now + _REPEAT
            self._put(self._calibration.motor.mid, self._calibration.servo.mid)

    def enable(self, now: float) -> None:
        """Obey commands from now on. Raises UserError where something has failed."""
        if not self._outputs:
            self._connect(now)
        self.stop(now)
        self._do(Outputs.power)
        if not self._outputs:
            raise UserError(f"Motor and servo stay off: {self.fault}")
        self.enabled, self.fault = True, ""

    def disable(self) -> None:
        """Bring the car to rest; obey no commands."""
        self.enabled = False
        self._do(Outputs.rest)

    def close(self) -> None:
        """Bring the car to rest, for good."""
        self.disable()
        if self._outputs and self._guard:  # else the guard goes on trying
            self._guard.kill()
        self._outputs = None
        self._claim.close()

    def _put(self, motor: int, servo: int) -> None:
        self.pulses = motor, servo
        self._do(lambda outputs: outputs.put(motor, servo))

    def _do(self, act: Callable[[Outputs], None]) -> None:
        """Do something while the guard watches. Whatever fails, the car goes off."""
        if self._outputs and self._guard:
            try:
                self._guard.beat()
                act(self._outputs)
            except OSError as error:
                self._fail(reason(error))

    def _fail(self, fault: str) -> None:
        self.enabled, self.fault = False, fault
        if self._outputs and self._guard:
            write_all(self._outputs.at_rest)
            self._guard.leave()
        self._outputs = None
        self._due = -math.inf

    def _connect(self, now: float) -> None:
        """Find and start the hardware and a guard; the fault that was is told until it is on."""
        self._due = now + _REPEAT
        self._claim.close()  # the chip may be another
        try:
            self._claim.enter_context(claimed(self._root))
            self._outputs = Outputs(self._root, self._calibration)
            if self._guard:
                self._guard.kill()  # the former one, which may still be trying
            self._guard = Guard(self._outputs.at_rest)
        except OSError as error:
            self._outputs, self.fault = None, reason(error)
        except UserError as error:
            self.fault = str(error)
