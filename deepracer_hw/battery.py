"""The battery gauge of the stock car: a level from 0 to 11, over I2C."""

import fcntl
from bisect import bisect
from pathlib import Path

MOST = 11  # the level of a full battery

_CONTROLLER = "0000:00:17.3"  # PCI address; the kernel numbers its bus, mostly 7
_ADDRESS, _REGISTER = 0x3F, 0x03
_I2C_SLAVE = 0x0703  # linux/i2c-dev.h
# The least that the register holds at each level, 0 to 11: the stock firmware's table.
_READINGS = (0x8C, 0xB4, 0xC0, 0xC3, 0xC5, 0xC8, 0xCB, 0xCF, 0xD3, 0xD9, 0xE0, 0xEC)


def find_gauge(root: Path) -> Path | None:
    """The device of the I2C bus that the gauge is on, below the root; None on other cars."""
    for link in (root / "sys/class/i2c-dev").glob("i2c-*"):
        if link.is_symlink() and _CONTROLLER in str(link.readlink()):
            return root / "dev" / link.name
    return None


def read_level(bus: Path) -> int:
    """Ask the gauge for the level, 0 to 11; -1: it does not know. Raises OSError."""
    with bus.open("r+b", buffering=0) as file:
        fcntl.ioctl(file, _I2C_SLAVE, _ADDRESS)
        file.write(bytes([_REGISTER]))
        answer = file.read(1)
    if not answer:
        raise OSError("the gauge gave no answer")
    return bisect(_READINGS, answer[0]) - 1
