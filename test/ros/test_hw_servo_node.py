"""The servo node as a real process, on a fake car."""

import math
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from std_srvs.srv import SetBool
from typer.testing import CliRunner

from deepracer_cli.car import app
from deepracer_hw.calibration import STOCK
from deepracer_hw.throttle import stock_throttle
from deepracer_ros.messages import AckermannDriveStamped, to_drive, to_time
from deepracer_ros.topics import COMMAND

COMMAND_PERIOD = 1 / 30  # s
MOTOR = STOCK.motor.pulse(stock_throttle(4.0).throttle(1.0))
FULL_LEFT = 0.5236, 1.0  # rad, m/s
MOVING = MOTOR, STOCK.servo.max


class Driver:
    """Sends commands, 30 a second, and knows how the servo node does."""

    def __init__(self, peer, root, fake_car):
        self.peer, self.root, self.fake_car = peer, root, fake_car
        self.command, self.age = FULL_LEFT, 0.0
        self._drive = peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)
        self._timer = peer.node.create_timer(COMMAND_PERIOD, self._send)
        self._diagnostics = peer.listen(DiagnosticArray, "/diagnostics")

    def _send(self):
        now = self.peer.node.get_clock().now().nanoseconds
        self._drive.publish(to_drive(*self.command, to_time(now - int(self.age * 1e9))))

    def fall_silent(self):
        self._timer.cancel()

    def enable(self, on=True):
        return self.peer.call(SetBool, "drive/enable", SetBool.Request(data=on))

    def wait_for_pulses(self, pulses):
        self.peer.spin_until(lambda: self.fake_car.pulses(self.root) == pulses)

    def wait_for_neutral(self):
        """How soon it comes is for bench/stops.py to measure."""
        self.wait_for_pulses(self.fake_car.neutral())

    def wait_for_report(self, *words):
        """Wait until the node's newest report has these words; return its level."""

        def newest():
            status = self._diagnostics[-1].status[0] if self._diagnostics else None
            told = status and str(
                [status.message, *((one.key, one.value) for one in status.values)]
            )
            return told and all(word in told for word in words) and status

        return self.peer.spin_until(newest).level[0]


@pytest.fixture
def car(fake_car, tmp_path):
    root = tmp_path / "car"
    fake_car.make(root)
    return root


@pytest.fixture
def driver(peer, car, fake_car):
    return Driver(peer, car, fake_car)


@pytest.fixture
def servo(start, car, driver):
    """The servo node's process, enabled and on its way."""
    process = start("servo_node", root=car)
    assert driver.enable().success
    driver.wait_for_pulses(MOVING)
    return process


def guards(process):
    """The ids of the guards of a node: its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_nothing_moves_until_it_is_enabled(start, car, driver, fake_car):
    start("servo_node", root=car)
    assert driver.wait_for_report("off, until enabled", "commands (Hz)") == 0
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)


def test_pulses_follow_the_commands(servo, driver, fake_car, car):
    assert fake_car.is_powered(car)
    driver.command = (-0.2618, 0.0)
    driver.wait_for_pulses((STOCK.motor.mid, STOCK.servo.pulse(-0.5)))
    assert driver.wait_for_report("driving", f"{STOCK.servo.pulse(-0.5) / 1e3:.1f}") == 0


def test_disabled_it_comes_to_rest(servo, driver, fake_car, car):
    assert driver.enable(False).success
    driver.wait_for_neutral()
    assert not fake_car.is_powered(car)


def test_no_commands_stop_the_car_until_they_come_again(servo, driver):
    driver.fall_silent()
    driver.wait_for_neutral()
    driver.wait_for_report("no commands come")
    driver._timer.reset()
    driver.wait_for_pulses(MOVING)


def test_commands_that_are_refused_stop_the_car(servo, driver):
    for command, age in (((math.nan, 1.0), 0.0), ((0.1, math.inf), 0.0), (FULL_LEFT, 0.3)):
        driver.command, driver.age = command, age
        driver.wait_for_neutral()
        driver.command, driver.age = FULL_LEFT, 0.0
        driver.wait_for_pulses(MOVING)
    driver.age = -0.3
    driver.wait_for_neutral()
    assert driver.wait_for_report("refused", "do the clocks agree?") == 1


def test_the_command_that_stops_any_car_names_the_node_that_drives_on(servo, driver, fake_car, car):
    done = CliRunner().invoke(app, ["stop", "--root", str(car)])
    assert f"already: {servo.pid} (" in str(done.exception)
    assert "servo_node)" in str(done.exception)
    assert not fake_car.is_powered(car)
    driver.wait_for_pulses(MOVING)
    assert driver.enable(False).success
    servo.send(signal.SIGINT)
    assert servo.wait() == 0
    assert CliRunner().invoke(app, ["stop", "--root", str(car)]).exit_code == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_is_at_rest(servo, driver, fake_car, car, ending):
    servo.send(ending)
    driver.wait_for_neutral()
    assert servo.wait() == 0
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)
    assert "guard" not in servo.output


def test_killed_its_guard_stops_the_car(servo, driver, fake_car, car):
    servo.kill()
    driver.wait_for_neutral()
    driver.peer.spin_until(lambda: not fake_car.is_powered(car))
    driver.peer.spin_until(lambda: "guard: the process that drives the car" in servo.output)


def test_stuck_its_guard_stops_the_car_and_it_stays_off(servo, driver, fake_car, car):
    servo.send(signal.SIGSTOP)
    driver.wait_for_neutral()
    driver.peer.spin_until(lambda: "is stuck" in servo.output)
    servo.send(signal.SIGCONT)
    assert driver.wait_for_report("off, since", "guard") == 2
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)
    assert driver.enable().success
    driver.wait_for_pulses(MOVING)


def test_without_its_guard_it_goes_off_and_gets_another(servo, driver, fake_car, car):
    (guard,) = guards(servo)
    os.kill(guard, signal.SIGKILL)
    driver.wait_for_neutral()
    assert driver.wait_for_report("off, since", "guard") == 2
    assert not fake_car.is_powered(car)
    assert guards(servo) != [guard]
    assert driver.enable().success
    driver.wait_for_pulses(MOVING)


def test_a_lost_chip_is_reported_and_taken_again(servo, driver, fake_car, car):
    fake_car.take_away(car)
    assert driver.wait_for_report("No PWM chip", "car check") == 2
    assert not driver.enable().success
    fake_car.bring_back(car)
    driver.wait_for_neutral()
    driver.wait_for_report("All is well now: enable it again")
    assert driver.enable().success
    driver.wait_for_pulses(MOVING)
    assert servo.poll() is None


def test_missing_permissions_are_reported_until_they_are_given(start, driver, fake_car, car):
    duty = fake_car.chip(car) / "pwm0/duty_cycle"
    duty.chmod(0o444)
    start("servo_node", before=fake_car.AS_USER, root=car)
    assert driver.wait_for_report("pwm0/duty_cycle: Permission denied", "deepracer car check") == 2
    assert not driver.enable().success
    duty.chmod(0o644)
    driver.peer.spin_until(lambda: driver.enable().success)
    driver.wait_for_pulses(MOVING)


def test_the_rest_of_the_project_is_not_loaded(servo):
    loaded = Path(f"/proc/{servo.pid}/maps").read_text()
    assert "rclpy" in loaded
    for name in ("torch", "numba", "cv2", "onnxruntime"):
        assert f"/{name}/" not in loaded


def test_without_a_calibration_it_says_what_to_do(start, car, fake_car):
    fake_car.calibration(car).unlink()
    process = start("servo_node", root=car)
    assert process.wait() == 1
    assert process.output.startswith("Error: ")
    assert process.output.count("\n") == 1
    assert "deepracer car calibrate" in process.output
