"""`deepracer car calibrate` in a terminal of its own, and `deepracer car stop`, on a fake car."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deepracer_hw.calibration import STOCK, Actuator, load_calibration
from deepracer_hw.outputs import Outputs
from deepracer_hw.pwm import claimed

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0  # s
# Takes the terminal that it is given as its own, as a shell's terminal is, and becomes the command.
IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
{before}
sys.argv[1:] = sys.argv[2:]
from deepracer_cli.main import main
main()
"""
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
UP, DOWN = "\x1b[A", "\x1b[B"


@pytest.fixture
def car(fake_car, tmp_path):
    fake_car.make(tmp_path)
    return tmp_path


class Terminal:
    """A command in a terminal of its own. `output` grows while it runs."""

    def __init__(self, before, *arguments):
        self.output = ""
        self._keys, self._side = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_TERMINAL.format(before=before), str(self._side), *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            pass_fds=[self._side],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while text := os.read(self.process.stdout.fileno(), 4096).decode():
            self.output += text

    def type(self, text):
        os.write(self._keys, text.encode())

    def answer(self, prompt, keys):
        """Wait for a prompt, and type."""
        self.wait_for(lambda: prompt in self.output)
        self.output = ""
        self.type(keys)

    def wait_for(self, condition):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {TIMEOUT} s:\n{self.output}")
            time.sleep(0.01)

    def wait(self):
        """Wait for the end and return the exit code."""
        code = self.process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        return code

    def hang_up(self):
        os.close(self._side)
        os.close(self._keys)
        self._keys = None

    def close(self):
        self.process.kill()
        self.wait()
        if self._keys is not None:
            self.hang_up()


@pytest.fixture
def calibrate(car):
    """A function that starts calibrating in a terminal. before: Python that is run first."""
    terminals = []

    def start(before=""):
        terminals.append(Terminal(before, "car", "calibrate", "--root", str(car)))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def accept_up_to_the_motor(terminal):
    terminal.answer("no wheel touches", "\n")
    terminal.answer("centre", "\n")
    terminal.answer("left", "1460\n\n")
    terminal.answer("right", "1440\n\n")


def assert_at_rest(fake_car, car):
    assert fake_car.pulses(car) == fake_car.neutral()
    assert not fake_car.is_powered(car)


def files(car):
    return sorted(path.name for path in (car / "opt/aws/deepracer").iterdir())


def test_what_is_turned_and_typed_is_saved(calibrate, fake_car, car):
    terminal = calibrate()
    terminal.answer("no wheel touches", "\n")
    terminal.answer("centre", "1460\n" + UP + "\n")
    terminal.answer("left", "1300\n\n")  # now left is the shorter pulse
    terminal.answer("right", "16000\x7f\x7f\x7f50\n\n")
    terminal.answer("the wheels will spin", "\n")
    terminal.answer("neutral", DOWN + "\n")
    terminal.answer("forwards", "1500\n\n")
    terminal.answer("backwards", "\n")  # as it was, which is on the wrong side now
    terminal.answer("Once more", "\n")  # neutral is asked for again
    terminal.answer("forwards", "\n")
    terminal.answer("backwards", UP + "\n")
    assert terminal.wait() == 0
    servo = Actuator(1_300_000, 1_465_000, 1_650_000, -1)
    motor = Actuator(1_311_000, 1_446_000, 1_451_000, -1)
    assert load_calibration(car) == (servo, motor)
    (kept,) = (name for name in files(car) if name != "calibration.json")
    kept = json.loads((car / "opt/aws/deepracer" / kept).read_text())
    assert kept == fake_car.CALIBRATION
    assert_at_rest(fake_car, car)


def test_the_car_shows_each_pulse_and_changes_it_in_small_steps(calibrate, fake_car, car):
    terminal = calibrate()
    assert not fake_car.is_powered(car)
    terminal.answer("no wheel touches", "\n")
    terminal.answer("centre", "1500\n")
    seen = set()

    def is_there():
        seen.add(fake_car.pulses(car)[1])
        return 1_500_000 in seen

    terminal.wait_for(is_there)
    assert len(seen) > 2
    assert fake_car.is_powered(car)
    assert fake_car.pulses(car)[0] == STOCK.motor.mid


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_whatever_ends_it_the_car_is_at_rest_and_nothing_is_saved(calibrate, fake_car, car, ending):
    terminal = calibrate()
    accept_up_to_the_motor(terminal)
    terminal.answer("the wheels will spin", "\n")
    terminal.answer("neutral", "\n")
    terminal.answer("forwards", DOWN * 10)
    terminal.wait_for(lambda: fake_car.pulses(car)[0] == STOCK.motor.mid - 50_000)
    if ending == signal.SIGINT:
        terminal.type("\x03")
        assert terminal.wait() == 130
    else:
        terminal.process.send_signal(ending)
    terminal.wait_for(lambda: not fake_car.is_powered(car))
    assert_at_rest(fake_car, car)
    assert files(car) == ["calibration.json"]
    assert load_calibration(car) == STOCK


def turn_the_motor(terminal, fake_car, car):
    accept_up_to_the_motor(terminal)
    terminal.answer("the wheels will spin", "\n")
    terminal.answer("neutral", "\n")
    terminal.answer("forwards", "1400\n")
    terminal.wait_for(lambda: fake_car.pulses(car)[0] == 1_400_000)


@pytest.mark.parametrize("ending", ["hang up", "Ctrl-D"])
def test_the_end_of_the_input_brings_the_car_to_rest(calibrate, fake_car, car, ending):
    terminal = calibrate("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    turn_the_motor(terminal, fake_car, car)
    terminal.hang_up() if ending == "hang up" else terminal.type("\x04")
    assert terminal.wait() == 1
    assert_at_rest(fake_car, car)
    assert terminal.output.endswith(
        "\nError: The input has ended, so nothing was saved. Begin again.\n"
    )
    assert files(car) == ["calibration.json"]


def test_a_typo_is_told_and_the_motor_stays_where_it_was(calibrate, fake_car, car):
    terminal = calibrate()
    turn_the_motor(terminal, fake_car, car)
    terminal.answer("1400 us", "140\n")
    terminal.answer("'140' was not taken: whole microseconds from 900 to 1900", "")
    terminal.answer("forwards", "1405\n")
    seen = set()

    def is_there():
        seen.add(fake_car.pulses(car)[0])
        return 1_405_000 in seen

    terminal.wait_for(is_there)
    assert seen <= {1_400_000, 1_405_000}


def test_a_full_disk_leaves_the_old_file(calibrate, fake_car, car):
    terminal = calibrate(FULL_DISK)
    accept_up_to_the_motor(terminal)
    terminal.answer("the wheels will spin", "\n" * 5)
    assert terminal.wait() == 1
    assert "Error: Cannot write" in terminal.output
    assert files(car) == ["calibration.json"]
    assert load_calibration(car) == STOCK
    assert_at_rest(fake_car, car)


def test_a_folder_that_cannot_be_written_to_is_told_first(calibrate, fake_car, car):
    (car / "opt/aws/deepracer").chmod(0o555)
    terminal = calibrate(fake_car.AS_USER)
    assert terminal.wait() == 1
    assert terminal.output.startswith("Error: ")
    assert "docs/car.md" in terminal.output


def test_a_chip_that_disappears_is_told_in_one_line(calibrate, fake_car, car):
    terminal = calibrate()
    terminal.answer("no wheel touches", "\n")
    terminal.wait_for(lambda: "centre" in terminal.output)
    fake_car.take_away(car)
    terminal.wait_for(lambda: "deepracer car check" in terminal.output)
    fake_car.bring_back(car)
    assert terminal.wait() == 1
    assert terminal.output.count("Error: ") == 1
    assert "Traceback" not in terminal.output
    assert_at_rest(fake_car, car)


def test_a_car_without_a_calibration_begins_with_the_stock_one(calibrate, fake_car, car):
    fake_car.calibration(car).unlink()
    terminal = calibrate()
    accept_up_to_the_motor(terminal)
    terminal.answer("the wheels will spin", "\n" * 5)
    assert terminal.wait() == 0
    servo = Actuator(1_440_000, STOCK.servo.mid, 1_460_000, 1)
    assert load_calibration(car) == (servo, STOCK.motor)
    assert files(car) == ["calibration.json"]


def run(*arguments):
    code = "from deepracer_cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "car", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=TIMEOUT,
    )


def test_it_needs_a_terminal(car):
    done = run("calibrate", "--root", str(car))
    assert done.returncode == 1
    assert "ssh -t" in done.stderr


def test_it_does_not_meddle_with_a_car_that_is_driven(car):
    with claimed(car):
        done = run("calibrate", "--root", str(car))
    assert done.returncode == 1
    assert "Another process drives the car" in done.stderr


@pytest.mark.parametrize("board", ["deepracer", "raspberry"])
@pytest.mark.parametrize("is_calibrated", [True, False])
def test_stop_brings_any_car_to_rest(fake_car, tmp_path, board, is_calibrated):
    fake_car.make(tmp_path, board)
    chip = fake_car.chip(tmp_path)
    for channel in (fake_car.MOTOR, fake_car.STEERING):
        fake_car.write(chip / f"pwm{channel}/enable", 1)
        fake_car.write(chip / f"pwm{channel}/duty_cycle", 1_400_000)
    if not is_calibrated:
        fake_car.calibration(tmp_path).write_bytes(b"\xff")
    done = run("stop", "--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert fake_car.pulses(tmp_path) == fake_car.neutral()
    assert board == "raspberry" or not fake_car.is_powered(tmp_path)


def leave_driving(fake_car, root):
    outputs = Outputs(root, STOCK)
    outputs.put(1_400_000, 1_500_000)
    outputs.power()


@pytest.mark.parametrize("board", ["deepracer", "raspberry"])
def test_stop_says_who_may_drive_on(fake_car, tmp_path, board):
    fake_car.make(tmp_path, board)
    leave_driving(fake_car, tmp_path)
    with claimed(tmp_path):
        done = run("stop", "--root", str(tmp_path))
    assert done.returncode == 1
    assert f"Another process drives the car already: {os.getpid()} (python" in done.stderr
    assert "deepracer car disable" in done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert fake_car.pulses(tmp_path) == fake_car.neutral()
    assert board == "raspberry" or not fake_car.is_powered(tmp_path)


def test_stop_cuts_the_power_where_the_chip_fails(fake_car, car):
    leave_driving(fake_car, car)
    fake_car.refuse(fake_car.chip(car) / "pwm0/duty_cycle")
    done = run("stop", "--root", str(car))
    assert done.returncode == 1
    assert "pwm0/duty_cycle: No space left on device (see: deepracer car check)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert int(fake_car.read(fake_car.chip(car) / "pwm1/duty_cycle")) == STOCK.servo.mid
    assert not fake_car.is_powered(car)


def test_stop_cuts_the_power_where_the_chip_is_gone(fake_car, car):
    leave_driving(fake_car, car)
    fake_car.take_away(car)
    done = run("stop", "--root", str(car))
    assert done.returncode == 1
    assert done.stderr.count("No PWM chip") == 1
    assert not fake_car.is_powered(car)


def test_stop_without_a_car_says_so(tmp_path):
    done = run("stop", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "No PWM chip" in done.stderr
