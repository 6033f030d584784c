"""The battery gauge: found where it is, read as the stock firmware reads it."""

import fcntl

import pytest

from deepracer_hw.battery import find_gauge, read_level

STOCK = "../../devices/pci0000:00/0000:00:17.3/i2c_designware.3/i2c-7/i2c-dev/i2c-7"
OTHER = "../../devices/pci0000:00/0000:00:02.0/i2c-1/i2c-dev/i2c-1"


def add_bus(root, place):
    link = root / "sys/class/i2c-dev" / place.rpartition("/")[2]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(place)


def test_the_gauge_is_on_the_bus_of_its_controller_and_nowhere_else(tmp_path):
    assert find_gauge(tmp_path) is None
    add_bus(tmp_path, OTHER)
    assert find_gauge(tmp_path) is None
    add_bus(tmp_path, STOCK)
    assert find_gauge(tmp_path) == tmp_path / "dev/i2c-7"


@pytest.fixture
def gauge(tmp_path, monkeypatch):
    """A function that makes a gauge whose register holds a value; it is asked as hardware is."""
    asked = []
    monkeypatch.setattr(fcntl, "ioctl", lambda file, *request: asked.append(request))

    def make(value):
        path = tmp_path / "i2c-7"
        path.write_bytes(bytes([0, value]))  # the first byte is written to: the register's number
        level = read_level(path)
        assert asked.pop() == (0x0703, 0x3F)
        assert path.read_bytes()[0] == 3
        return level

    return make


@pytest.mark.parametrize(
    ("value", "level"),
    [(0x00, -1), (0x8B, -1), (0x8C, 0), (0xB3, 0), (0xC0, 2), (0xEB, 10), (0xEC, 11), (0xFF, 11)],
)
def test_levels_are_those_of_the_stock_firmware(gauge, value, level):
    assert gauge(value) == level


def test_a_gauge_that_does_not_answer_is_an_error(tmp_path):
    path = tmp_path / "i2c-7"
    path.write_bytes(b"")
    with pytest.raises(OSError):  # a plain file is no I2C bus
        read_level(path)
