"""The car's outputs below sysfs: the PWM channels of motor and servo, and the GPIO of their power.

Places, numbers and the order of channels are those of the servo package in
github.com/aws-deepracer-community/deepracer-custom-car.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from deepracer_hw import sysfs
from deepracer_sim.errors import UserError

PERIOD = 20_000_000  # ns, 50 Hz
MOTOR, STEERING = 0, 1  # channels; 2, 3 and 4 are the tail light's

_DEEPRACER = ("i2c-0", "0000:00:17.0")  # in the place of the DeepRacer's chip
_RASPBERRY = ("i2c-1",)  # in that of a Raspberry Pi's servo HAT
_FEWEST_CHANNELS = 5
_POWER = (514, 436)  # GPIO of the DeepRacer with Ubuntu 24.04, with 20.04; 0 is on
_EXPORT_PATIENCE = 1.0  # s that the kernel and udev may take to make a file that we may write


def find_chip(root: Path) -> Path:
    """Return the folder of the PWM chip that drives motor and servo. Raises UserError."""
    folder = root / "sys/class/pwm"
    chips = sorted(folder.glob("pwmchip*"))
    for place in (*_DEEPRACER, *_RASPBERRY):
        for chip in chips:
            if place in chip.resolve().parts:
                return chip
    fallback = folder / "pwmchip0"
    # Other PWM chips have fewer channels; they dim the screen and drive the fan.
    if fallback in chips and int(sysfs.read(fallback / "npwm")) >= _FEWEST_CHANNELS:
        return fallback
    raise UserError(
        f"No PWM chip for motor and servo was found in {folder}: none is on the bus i2c-0 "
        "(DeepRacer) or i2c-1 (Raspberry Pi). See what is missing: deepracer car check"
    )


@contextmanager
def claimed(root: Path) -> Iterator[None]:
    """Inside, this process alone drives the car. Raises UserError where another one does."""
    with open(find_chip(root) / "npwm") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another process drives the car already{_holder(file)}. End it first."
            ) from error
        yield


def _holder(file: TextIO) -> str:
    """Which process has locked a file: ": number (program script)"; "" where nobody knows."""
    status = os.fstat(file.fileno())
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    try:
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, _, pid, place, *_ = line.split()
            if (kind, place) == ("FLOCK", f"{device}:{status.st_ino}"):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
                names = (Path(word).name for word in words.split("\0")[:2])
                return f": {pid} ({' '.join(' '.join(names).split())})"
    except (OSError, ValueError):  # it has ended, or this kernel's list is another
        pass
    return ""


def find_power(root: Path, chip: Path) -> int | None:
    """Return the number of the GPIO that switches motor and servo; None where a car has none.

    Raises UserError where a DeepRacer lacks it. A Raspberry Pi is not asked: the same numbers
    are other pins there, those of the very bus that the chip is on.
    """
    if not set(_DEEPRACER).intersection(chip.resolve().parts):
        return None
    folder = root / "sys/class/gpio"
    for number in _POWER:
        for gpios in folder.glob("gpiochip*"):
            first = int(sysfs.read(gpios / "base"))
            if first <= number < first + int(sysfs.read(gpios / "ngpio")):
                return number
    raise UserError(f"{folder} has neither GPIO {_POWER[0]} nor {_POWER[1]}, the motor's power.")


def cut_power(root: Path) -> None:
    """Switch motor and servo off, where the car can. Raises where it does not know, or as it fails.

    Without the chip nobody knows the board. Then a GPIO goes off that is an output already, as
    nobody makes one of a Raspberry Pi's bus.
    """
    try:
        number = find_power(root, find_chip(root))
    except (UserError, OSError, ValueError):
        for folder in (root / f"sys/class/gpio/gpio{number}" for number in _POWER):
            if folder.exists() and sysfs.read(folder / "direction") != "in":
                sysfs.write(folder / "value", 1)
        raise
    if number is not None:
        start_power(root, number)


def start_channel(chip: Path, number: int, pulse: int) -> Path:
    """Let a channel give pulses of `pulse` ns; return the file that takes other ones.

    Raises OSError as the kernel refuses.
    """
    folder = chip / f"pwm{number}"
    _export(folder, number, ("period", "polarity", "duty_cycle", "enable"))
    _change(folder / "period", PERIOD)  # before the pulse, which must not be longer
    _change(folder / "polarity", "normal")
    sysfs.write(folder / "duty_cycle", pulse)
    _change(folder / "enable", 1)
    return folder / "duty_cycle"


def start_power(root: Path, number: int) -> Path:
    """Make a GPIO the output that switches motor and servo, which have no power then.

    Returns the file that takes 0 for on, 1 for off. Raises OSError as the kernel refuses.
    """
    folder = root / "sys/class/gpio" / f"gpio{number}"
    _export(folder, number, ("direction", "value"))
    if sysfs.read(folder / "direction") == "in":
        sysfs.write(folder / "direction", "high")  # at once, not first low
    sysfs.write(folder / "value", 1)
    return folder / "value"


def _export(folder: Path, number: int, names: tuple[str, ...]) -> None:
    """Ask for a channel or GPIO, unless it is there; wait until udev has given us its files."""
    if folder.exists():
        return
    sysfs.write(folder.parent / "export", number)
    deadline = time.monotonic() + _EXPORT_PATIENCE
    while not all(os.access(folder / name, os.W_OK) for name in names):
        if time.monotonic() > deadline:
            break  # whoever writes to them is told why not
        time.sleep(0.01)


def _change(path: Path, value: int | str) -> None:
    """Write a value that is another: the kernel may refuse to set what others use as it is."""
    if sysfs.read(path) != str(value):
        sysfs.write(path, value)
