"""The whole car: car.launch.xml on a fake car, driven by what a recorded video shows."""

import os
import re
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from std_srvs.srv import SetBool

from deepracer_hw.calibration import STOCK
from deepracer_hw.throttle import stock_throttle
from deepracer_ros.messages import AckermannDriveStamped, read_drive
from deepracer_ros.topics import COMMAND

RATE = 30.0  # 1/s, of the video
MOTOR = STOCK.motor.pulse(stock_throttle(4.0).throttle(1.0))  # all the model's actions: 1 m/s
LEFT, RIGHT = ((MOTOR, STOCK.servo.pulse(angle / 30)) for angle in (20, -20))  # deg of 30
NODES = ("servo_node", "camera_node", "battery_node", "agent_node")
MOST_MEMORY = 400e6  # bytes, of all processes


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A second that is bright on the left, and a second that is bright on the right."""
    path = tmp_path_factory.mktemp("video") / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (640, 480))
    for side in (slice(0, 320), slice(320, 640)):
        picture = np.zeros((480, 640, 3), np.uint8)
        picture[:, side] = 255
        for _ in range(int(RATE)):
            writer.write(picture)
    writer.release()
    return path


class Car:
    """A fake car that is launched, and what becomes of it."""

    def __init__(self, start, peer, fake_car, root, **values):
        fake_car.make(root)
        arguments = [f"{name}:={value}" for name, value in {"root": root, **values}.items()]
        self.launch = start("deepracer", "launch", "car.launch.xml", *arguments)
        self.peer, self.root, self._fake_car = peer, root, fake_car

    def pid(self, name):
        """Of a process of the launch."""
        return int(re.search(rf"{name}-\d\S* process .* pid \[(\d+)\]", self.launch.output)[1])

    def send(self, name, number):
        """Send a signal to a process of the launch."""
        os.kill(self.pid(name), number)

    @property
    def pulses(self):
        return self._fake_car.pulses(self.root)

    @property
    def neutral(self):
        return self._fake_car.neutral()

    @property
    def is_powered(self):
        return self._fake_car.is_powered(self.root)

    def enable(self, on=True):
        answer = self.peer.call(SetBool, "drive/enable", SetBool.Request(data=on))
        assert answer.success, answer.message

    def wait_until_it_drives(self):
        self.peer.spin_until(lambda: self.pulses in (LEFT, RIGHT))

    def wait_for_neutral(self):
        """How soon it comes is for bench/stops.py to measure."""
        self.peer.spin_until(lambda: self.pulses == self.neutral)


@pytest.fixture
def car(start, peer, fake_car, tmp_path, models, video):
    """A car that drives."""
    car = Car(start, peer, fake_car, tmp_path, device=video, rate=RATE, model=models / "towards")
    car.enable()
    car.wait_until_it_drives()
    return car


def test_the_pulses_follow_the_agent_and_the_end_is_rest(car):
    drives = car.peer.listen(AckermannDriveStamped, "drive", COMMAND)
    seen = set()

    def saw_both():
        seen.add(car.pulses)
        return {LEFT, RIGHT} <= seen and sides() >= {1.0, -1.0}

    def sides():
        return {np.sign(read_drive(message)[0]) for message in drives}

    car.peer.spin_until(saw_both)
    motor, steering = (set(values) for values in zip(*seen, strict=True))
    assert motor <= {MOTOR, car.neutral[0]}  # neutral where the machine stalls
    assert steering <= {LEFT[1], RIGHT[1], car.neutral[1]}
    assert sides() == {1.0, -1.0}
    assert car.is_powered
    assert car.launch.stop() == 0
    assert car.pulses == car.neutral
    assert not car.is_powered
    assert "Traceback" not in car.launch.output


def test_the_car_needs_no_torch_and_little_memory(car):
    memory = 0
    for name in NODES:
        folder = Path(f"/proc/{car.pid(name)}")
        assert not re.search("torch|numba|llvmlite", (folder / "maps").read_text())
        pss = re.search(r"^Pss: +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        memory += 1000 * int(pss[1])
    assert memory < MOST_MEMORY


def test_what_falls_silent_stops_the_car_and_it_drives_on_after(car):
    for name in ("camera_node", "agent_node"):
        car.send(name, signal.SIGSTOP)
        car.wait_for_neutral()
        car.send(name, signal.SIGCONT)
        car.wait_until_it_drives()
    car.enable(False)
    assert car.pulses == car.neutral
    assert not car.is_powered
    car.enable()
    car.wait_until_it_drives()


@pytest.mark.parametrize("name", ["agent_node", "servo_node"])
def test_a_node_that_is_killed_ends_the_launch_at_rest(car, name):
    car.send(name, signal.SIGKILL)
    car.wait_for_neutral()
    assert car.launch.wait() == 1
    assert car.pulses == car.neutral
    assert not car.is_powered


def test_a_launch_that_is_killed_leaves_a_car_at_rest(car):
    car.launch.kill()
    car.wait_for_neutral()
    car.peer.spin_until(lambda: not car.is_powered)
