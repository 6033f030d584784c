"""Motor, servo and their power, as one thing that can be brought to rest."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from deepracer_hw.calibration import Calibration
from deepracer_hw.pwm import (
    MOTOR,
    STEERING,
    claimed,
    cut_power,
    find_chip,
    find_power,
    start_channel,
    start_power,
)
from deepracer_hw.sysfs import reason, write, write_all
from deepracer_sim.errors import UserError

_ON, _OFF = 0, 1  # of the power's GPIO


class Outputs:
    """The outputs of one car. They are at rest at first: neutral pulses, power off."""

    def __init__(self, root: Path, calibration: Calibration) -> None:
        """Find and start them. Raises UserError where they are missing, OSError as they refuse."""
        chip = find_chip(root)
        self._motor = start_channel(chip, MOTOR, calibration.motor.mid)
        self._servo = start_channel(chip, STEERING, calibration.servo.mid)
        power = find_power(root, chip)
        self._power = [] if power is None else [start_power(root, power)]
        self.at_rest = [
            (self._motor, calibration.motor.mid),
            (self._servo, calibration.servo.mid),
            *((file, _OFF) for file in self._power),
        ]  # files, and what they hold while the car is at rest

    def put(self, motor: int, servo: int) -> None:
        """Give these pulses, ns, from now on. Raises OSError as they refuse."""
        write(self._motor, motor)
        write(self._servo, servo)

    def power(self) -> None:
        """Let motor and servo have power, where the car can switch it. Raises OSError."""
        for file in self._power:
            write(file, _ON)

    def rest(self) -> None:
        """Bring all to rest. Raises the first OSError, when the others have been tried."""
        for fault in write_all(self.at_rest):
            raise fault


def force_rest(root: Path, calibration: Calibration) -> list[str]:
    """Bring to rest what there is, though parts of it fail; return why it may not stay there."""
    with ExitStack() as claim:
        faults = [
            *_tried(lambda: claim.enter_context(claimed(root))),
            *_tried(lambda: cut_power(root)),  # first: a chip that fails may take its time
            *_tried(lambda: start_channel(find_chip(root), MOTOR, calibration.motor.mid)),
            *_tried(lambda: start_channel(find_chip(root), STEERING, calibration.servo.mid)),
        ]
    return list(dict.fromkeys(faults))


def _tried(act: Callable[[], object]) -> list[str]:
    """Do something; return what went wrong."""
    try:
        act()
    except OSError as error:
        return [f"{reason(error)} (see: deepracer car check)"]
    except (UserError, ValueError) as error:
        return [str(error).rstrip(".")]
    return []
