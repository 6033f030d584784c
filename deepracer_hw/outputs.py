"""Motor, servo and their power, as one thing that can be brought to rest."""

from pathlib import Path

from deepracer_hw.calibration import Calibration
from deepracer_hw.pwm import (
    MOTOR,
    STEERING,
    find_chip,
    find_power,
    start_channel,
    start_power,
)
from deepracer_hw.sysfs import write, write_all

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
