"""What of the car is there, and what to do about the rest. Nothing is moved or changed."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from deepracer_hw.battery import MOST, find_gauge, read_level
from deepracer_hw.calibration import load_calibration
from deepracer_hw.camera import CameraFault, locate, shots
from deepracer_hw.pwm import MOTOR, STEERING, find_chip, find_power
from deepracer_hw.throttle import FILE as THROTTLE
from deepracer_hw.throttle import load_limits, load_throttle
from deepracer_sim.errors import UserError

_FIRMWARE = ("/opt/aws/deepracer/lib/", "/opt/aws/deepracer/start_ros.sh")
_AUTOSTART = "etc/systemd/system/multi-user.target.wants/deepracer-core.service"
_RIGHTS = "install the udev rule: docs/car.md, Permissions"
_OVERLAY = (
    "on a Raspberry Pi: dtoverlay=i2c-pwm-pca9685a,addr=0x40 in /boot/firmware/config.txt, reboot"
)


class State(Enum):
    """Whether the car can drive with it."""

    OK = "ok"
    WARN = "warn"
    BAD = "NO"


class Finding(NamedTuple):
    """What was found of one part."""

    state: State
    part: str
    found: str
    remedy: str = ""


def check(root: Path, device: str) -> list[Finding]:
    """Look at every part of the car below the root. The car can drive unless one is BAD."""
    return [
        _firmware(root),
        *_outputs(root),
        _tried("calibration", lambda: _calibration(root)),
        _tried("throttle", lambda: _throttle(root)),
        _camera(root, device),
        _battery(root),
    ]


def _tried(part: str, look: Callable[[], str]) -> Finding:
    """What a look finds; BAD where it ends in a UserError or the kernel refuses."""
    try:
        return Finding(State.OK, part, look())
    except UserError as error:
        return Finding(State.BAD, part, str(error))
    except (OSError, ValueError) as error:
        return Finding(State.BAD, part, str(error), _RIGHTS)


def _firmware(root: Path) -> Finding:
    part, stop = "stock firmware", "sudo systemctl disable --now deepracer-core"
    running = sum(any(word.startswith(_FIRMWARE) for word in words) for words in _commands(root))
    if running:
        return Finding(State.BAD, part, f"runs, and drives too ({running} processes)", stop)
    if (root / _AUTOSTART).is_symlink():
        return Finding(State.WARN, part, "starts when the car is switched on", stop)
    return Finding(State.OK, part, "does not run")


def _commands(root: Path) -> Iterator[list[str]]:
    """The program, and the script if it is an interpreter, of each process."""
    for path in (root / "proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode(errors="replace").split("\0")[:2]
        except OSError:
            continue  # it has ended


def _outputs(root: Path) -> list[Finding]:
    try:
        chip = find_chip(root)
    except (UserError, OSError, ValueError) as error:
        return [Finding(State.BAD, "PWM chip", str(error), _OVERLAY)]
    return [
        Finding(State.OK, "PWM chip", str(chip)),
        _writable("motor", chip / f"pwm{MOTOR}", chip / "export"),
        _writable("steering", chip / f"pwm{STEERING}", chip / "export"),
        _power(root, chip),
    ]


def _writable(part: str, folder: Path, export: Path) -> Finding:
    """Whether we may write to a channel or GPIO, or ask the kernel to make it."""
    names = ("duty_cycle", "enable", "period", "value")
    files = [folder / name for name in names if (folder / name).exists()] or [export]
    for path in files:
        if not os.access(path, os.W_OK):
            what = "may not be written" if path.exists() else "does not exist"
            return Finding(State.BAD, part, f"{path} {what}", _RIGHTS)
    return Finding(State.OK, part, f"{folder}{' can be made' if files == [export] else ''}")


def _power(root: Path, chip: Path) -> Finding:
    part = "power switch"
    try:
        number = find_power(root, chip)
    except (UserError, OSError, ValueError) as error:
        return Finding(State.BAD, part, str(error), _RIGHTS)
    if number is None:
        return Finding(State.OK, part, "none on this car: motor and servo have power always")
    folder = root / "sys/class/gpio"
    return _writable(part, folder / f"gpio{number}", folder / "export")


def _calibration(root: Path) -> str:
    servo, motor = load_calibration(root)
    return f"servo {servo.min / 1e3:g} {servo.mid / 1e3:g} {servo.max / 1e3:g} us, " + (
        f"motor {motor.min / 1e3:g} {motor.mid / 1e3:g} {motor.max / 1e3:g} us"
    )


def _throttle(root: Path) -> str:
    table = load_throttle(root, load_limits().speed)
    if (root / THROTTLE).exists():
        return f"measured, up to {table.speeds[-1]:g} m/s"
    return "not measured: the stock firmware's curve; speeds are a guess"


def _camera(root: Path, device: str) -> Finding:
    part, path = "camera", locate(device, root)
    try:
        with closing(shots(path, 0.0, (160, 120), loop=False)) as pictures:
            next(pictures)
    except (CameraFault, OSError) as error:
        there = ", ".join(sorted(one.name for one in (root / "dev").glob("video*"))) or "none"
        return Finding(State.BAD, part, str(error), f"another: --device NUMBER; here are: {there}")
    return Finding(State.OK, part, f"{path} gives pictures")


def _battery(root: Path) -> Finding:
    part, gauge = "battery", find_gauge(root)
    if gauge is None:
        return Finding(State.OK, part, "no gauge on this car")
    try:
        level = read_level(gauge)
    except OSError as error:
        return Finding(State.WARN, part, f"{gauge}: {error}", "sudo usermod -aG i2c $USER")
    if level < 0:
        return Finding(State.WARN, part, "the gauge does not know", "is the battery plugged in?")
    return Finding(State.OK, part, f"level {level} of {MOST}")
