"""A fake car on the real file system: what the kernel shows of the hardware, as plain files.

`make(root)` builds it below `root`, which nodes and commands take as their parameter of that name.
What is written to a file stays there, as the last pulse stays in the hardware. Tests get all of
this as the fixture `fake_car`.
"""

import json
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

# From the reference: the chip's place, the number that the kernel may give it, the GPIO's number.
BOARDS = {
    "deepracer": ("pci0000:00/0000:00:17.0/i2c_designware.0/i2c-0/0-0040", "pwmchip1"),
    "raspberry": ("platform/soc/fe804000.i2c/i2c-1/1-0040", "pwmchip2"),
}
GPIO = 514  # of the community's Ubuntu 24.04 image
MOTOR, STEERING = 0, 1
CHANNELS = 5  # motor, steering, and the tail light's red, green, blue
# Python that takes root's rights from a process: capset(2) with nothing in it.
AS_USER = (
    "import ctypes; "
    "ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())"
)
CALIBRATION = {
    "Calibration": {
        "Motor": {"max": 1603500, "mid": 1446000, "min": 1311000, "polarity": -1},
        "Servo": {"max": 1700000, "mid": 1450000, "min": 1200000, "polarity": 1},
        "version": 1,
    }
}


def make(root, board="deepracer"):
    """Build a car, "deepracer" or "raspberry", whose PWM channels have been exported already."""
    place, name = BOARDS[board]
    chip = root / "sys/devices" / place / "pwm" / name
    write(chip / "export", "")
    write(chip / "npwm", "16")
    for number in range(CHANNELS):
        _make_channel(chip, number)
    _link(root, "pwm", chip)
    # What else has such files: a chip that drives something else, GPIOs of every board.
    other = root / "sys/devices/pci0000:00/0000:00:1a.0/pwm/pwmchip0"
    write(other / "npwm", "4")
    _link(root, "pwm", other)
    _make_gpio(root, board)
    calibration(root).parent.mkdir(parents=True)
    calibration(root).write_text(json.dumps(CALIBRATION, indent=3))
    write(root / "dev/video0", "")


def _make_channel(chip, number):
    for name, value in (("period", 0), ("duty_cycle", 0), ("polarity", "normal"), ("enable", 0)):
        write(chip / f"pwm{number}" / name, value)


def _make_gpio(root, board):
    gpio = root / "sys/class/gpio"
    write(gpio / "export", "")
    write(gpio / "gpiochip512" / "base", 512)
    write(gpio / "gpiochip512" / "ngpio", 78 if board == "deepracer" else 54)
    if board == "deepracer":
        write(gpio / f"gpio{GPIO}" / "direction", "in")
        write(gpio / f"gpio{GPIO}" / "value", 1)


def _link(root, kind, target):
    link = root / "sys/class" / kind / target.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


def write(path, value):
    """Write one line, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


def read(path):
    """The first line: what is written over a longer one leaves its end behind."""
    return path.read_text().partition("\n")[0]


def calibration(root):
    return root / "opt/aws/deepracer/calibration.json"


def chip(root):
    """The folder of the chip that drives servo and motor."""
    (found,) = root.glob("sys/devices/**/i2c-?/?-0040/pwm/pwmchip*")
    return found


def pulse(root, channel):
    """The pulse that a channel gives, ns; 0 while it is not enabled."""
    folder = chip(root) / f"pwm{channel}"
    return int(read(folder / "duty_cycle")) if read(folder / "enable") == "1" else 0


def pulses(root):
    """The pulses of motor and steering, ns."""
    return pulse(root, MOTOR), pulse(root, STEERING)


def neutral():
    """The pulses of motor and steering that mean nothing moves, ns."""
    return tuple(CALIBRATION["Calibration"][name]["mid"] for name in ("Motor", "Servo"))


def is_powered(root):
    """Whether the GPIO lets servo and motor have power; it is active low."""
    folder = root / f"sys/class/gpio/gpio{GPIO}"
    return read(folder / "direction") != "in" and read(folder / "value") == "0"


def take_away(root):
    """The chip disappears, as after a bad contact."""
    folder = chip(root)
    (root / "sys/class/pwm" / folder.name).unlink()
    folder.rename(root / "away")


def bring_back(root, board="deepracer"):
    """The chip is there again, as it was."""
    place, name = BOARDS[board]
    folder = root / "sys/devices" / place / "pwm" / name
    (root / "away").rename(folder)
    _link(root, "pwm", folder)


def refuse(path):
    """From now on a file refuses what is written to it."""
    path.unlink()
    path.symlink_to("/dev/full")


@contextmanager
def exporting(root, delay=0.0):
    """A kernel that makes channels when they are exported, `delay` s later; there are none yet."""
    folder, stopping = chip(root), threading.Event()
    for number in range(CHANNELS):
        for path in (folder / f"pwm{number}").iterdir():
            path.unlink()
        (folder / f"pwm{number}").rmdir()
    (folder / "export").unlink()
    os.mkfifo(folder / "export")
    pipe = os.open(folder / "export", os.O_RDWR)

    def serve():
        while not stopping.is_set():
            for number in os.read(pipe, 100).split():
                stopping.wait(delay)
                _make_channel(folder, int(number))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        with suppress(OSError):
            os.write(pipe, b"\n")
        thread.join()
        os.close(pipe)


def main():
    """Build a fake car in the folder that is named on the command line."""
    import sys

    make(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
