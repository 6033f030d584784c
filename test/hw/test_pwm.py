import os

import pytest

from deepracer_hw.calibration import STOCK
from deepracer_hw.outputs import Outputs, force_rest
from deepracer_hw.pwm import PERIOD, claimed, find_chip, find_power
from deepracer_sim.errors import UserError

BOARDS = ["deepracer", "raspberry"]


@pytest.mark.parametrize("board", BOARDS)
def test_the_chip_is_found_by_its_bus(fake_car, tmp_path, board):
    fake_car.make(tmp_path, board)
    assert find_chip(tmp_path).resolve() == fake_car.chip(tmp_path)


def test_a_bus_of_a_longer_number_is_another(fake_car, tmp_path):
    fake_car.make(tmp_path, "raspberry")
    bus = tmp_path / "sys/devices/platform/soc/fe804000.i2c"
    (bus / "i2c-1").rename(bus / "i2c-11")
    link = tmp_path / "sys/class/pwm/pwmchip2"
    link.unlink()
    link.symlink_to(bus / "i2c-11/1-0040/pwm/pwmchip2")
    with pytest.raises(UserError, match="i2c-1 "):
        find_chip(tmp_path)


def test_a_lone_chip_with_enough_channels_is_taken(fake_car, tmp_path):
    chip = tmp_path / "sys/class/pwm/pwmchip0"
    fake_car.write(chip / "npwm", 16)
    assert find_chip(tmp_path) == chip
    fake_car.write(chip / "npwm", 4)
    with pytest.raises(UserError, match="No PWM chip"):
        find_chip(tmp_path)


def test_no_chip_at_all_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"No PWM chip .*deepracer car check"):
        Outputs(tmp_path, STOCK)


@pytest.mark.parametrize("board", BOARDS)
def test_outputs_begin_at_rest(fake_car, tmp_path, board):
    fake_car.make(tmp_path, board)
    Outputs(tmp_path, STOCK)
    assert fake_car.pulses(tmp_path) == fake_car.neutral()
    for channel in (fake_car.MOTOR, fake_car.STEERING):
        assert int(fake_car.read(fake_car.chip(tmp_path) / f"pwm{channel}/period")) == PERIOD
    assert (board == "raspberry") or not fake_car.is_powered(tmp_path)


def test_a_channel_that_was_turned_round_is_turned_back(fake_car, tmp_path):
    fake_car.make(tmp_path)
    polarity = fake_car.chip(tmp_path) / "pwm0/polarity"
    fake_car.write(polarity, "inversed")
    Outputs(tmp_path, STOCK)
    assert fake_car.read(polarity) == "normal"


def test_channels_are_exported_and_waited_for(fake_car, tmp_path):
    fake_car.make(tmp_path)
    with fake_car.exporting(tmp_path, delay=0.1):
        Outputs(tmp_path, STOCK).put(1_400_000, 1_500_000)
    assert fake_car.pulses(tmp_path) == (1_400_000, 1_500_000)


def test_a_channel_that_never_comes_is_an_error_with_its_path(fake_car, tmp_path):
    fake_car.make(tmp_path)
    with fake_car.exporting(tmp_path, delay=5.0), pytest.raises(OSError, match="pwm0/period"):
        Outputs(tmp_path, STOCK)


def test_one_process_drives_the_car(fake_car, tmp_path):
    fake_car.make(tmp_path)
    another = rf"Another process .*: {os.getpid()} \(.*python"
    with claimed(tmp_path), pytest.raises(UserError, match=another), claimed(tmp_path):
        pytest.fail("it is not refused")
    with claimed(tmp_path):
        pass


def test_power_is_switched_by_the_gpio_that_the_kernel_has(fake_car, tmp_path):
    fake_car.make(tmp_path)
    outputs = Outputs(tmp_path, STOCK)
    outputs.power()
    assert fake_car.is_powered(tmp_path)
    outputs.rest()
    assert not fake_car.is_powered(tmp_path)


def test_power_that_was_left_on_is_switched_off(fake_car, tmp_path):
    fake_car.make(tmp_path)
    Outputs(tmp_path, STOCK).power()
    Outputs(tmp_path, STOCK)
    assert not fake_car.is_powered(tmp_path)


def test_ubuntu_20_04_numbers_the_gpio_otherwise(fake_car, tmp_path):
    fake_car.make(tmp_path)
    fake_car.write(tmp_path / "sys/class/gpio/gpiochip512/base", 434)
    assert find_power(tmp_path, find_chip(tmp_path)) == 436


def test_a_deepracer_without_the_gpio_is_an_error(fake_car, tmp_path):
    fake_car.make(tmp_path)
    fake_car.write(tmp_path / "sys/class/gpio/gpiochip512/ngpio", 1)
    with pytest.raises(UserError, match="514 nor 436"):
        Outputs(tmp_path, STOCK)


def test_a_raspberry_s_gpios_are_left_alone(fake_car, tmp_path):
    fake_car.make(tmp_path, "raspberry")  # 514 is a pin of its I2C bus
    before = sorted((tmp_path / "sys/class/gpio").rglob("*"))
    outputs = Outputs(tmp_path, STOCK)
    outputs.power()
    outputs.rest()
    assert sorted((tmp_path / "sys/class/gpio").rglob("*")) == before
    assert fake_car.read(tmp_path / "sys/class/gpio/export") == ""


def test_rest_goes_on_where_one_output_refuses(fake_car, tmp_path):
    fake_car.make(tmp_path)
    outputs = Outputs(tmp_path, STOCK)
    outputs.put(1_400_000, 1_500_000)
    outputs.power()
    fake_car.refuse(fake_car.chip(tmp_path) / "pwm0/duty_cycle")
    with pytest.raises(OSError, match=r"No space left on device: .*pwm0/duty_cycle"):
        outputs.rest()
    assert int(fake_car.read(fake_car.chip(tmp_path) / "pwm1/duty_cycle")) == STOCK.servo.mid
    assert not fake_car.is_powered(tmp_path)


def test_forced_rest_leaves_out_nothing(fake_car, tmp_path):
    fake_car.make(tmp_path)
    Outputs(tmp_path, STOCK).power()
    channel = fake_car.chip(tmp_path) / "pwm1"
    fake_car.write(channel / "duty_cycle", 1_500_000)
    fake_car.write(tmp_path / "sys/class/gpio/gpiochip512/base", "")
    fake_car.refuse(fake_car.chip(tmp_path) / "pwm0/duty_cycle")
    with claimed(tmp_path):
        faults = force_rest(tmp_path, STOCK)
    assert ["Another process" in faults[0], "''" in faults[1], "pwm0" in faults[2]] == [True] * 3
    assert len(faults) == 3
    assert int(fake_car.read(channel / "duty_cycle")) == STOCK.servo.mid
    assert not fake_car.is_powered(tmp_path)


def test_without_a_chip_a_raspberry_s_gpios_are_left_alone(fake_car, tmp_path):
    fake_car.make(tmp_path, "raspberry")
    fake_car.take_away(tmp_path)
    before = sorted((tmp_path / "sys/class/gpio").rglob("*"))
    (fault,) = force_rest(tmp_path, STOCK)
    assert "No PWM chip" in fault
    assert sorted((tmp_path / "sys/class/gpio").rglob("*")) == before
    assert fake_car.read(tmp_path / "sys/class/gpio/export") == ""


def test_forced_rest_lets_go_of_the_car(fake_car, tmp_path):
    fake_car.make(tmp_path)
    assert force_rest(tmp_path, STOCK) == []
    with claimed(tmp_path):
        pass
