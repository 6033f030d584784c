"""How long the car goes on when something breaks, on a fake car: `python -m bench.stops [COUNT]`.

Real processes, as `car.launch.xml` starts them, break COUNT times each way, 100 if it is not
given. Measured is the time from there until the motor's pulse is neutral; and how long a command
takes to its pulse.
"""

import ctypes
import math
import os
import random
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from operator import eq, ne
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import cv2
import numpy as np
import rclpy
import torch
from ackermann_msgs.msg import AckermannDriveStamped
from rclpy.node import Node
from std_srvs.srv import SetBool

from deepracer_agent.actions import Command, DiscreteActions, ModelMetadata, save_metadata
from deepracer_agent.export import export_onnx
from deepracer_agent.model import METADATA, POLICY
from deepracer_hw.calibration import STOCK
from deepracer_ros.messages import to_drive
from deepracer_ros.topics import COMMAND

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = 102
NODES = ("servo_node", "camera_node", "agent_node")
COMMANDS, COMMAND_RATE = 600, 30  # how many to time, 1/s
TIMEOUT = 60.0  # s, of what should come
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "ROS_DOMAIN_ID": str(DOMAIN),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
}
fake_car = SimpleNamespace(**runpy.run_path(str(ROOT / "test" / "hw" / "fake_car.py")))


class Fault(NamedTuple):
    """One way to break."""

    name: str
    limit: float  # s until the car must be neutral
    break_: Callable[["Car"], object]
    mend: Callable[["Car"], object]


class Pulses:
    """One channel's pulses, told by the kernel when they change: inotify(7)."""

    def __init__(self, path: Path) -> None:
        """Watch a channel's file."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._path = path
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(self._events, os.fsencode(path), 2) < 0:  # IN_MODIFY
            raise OSError(ctypes.get_errno(), f"inotify does not watch {path}")

    def wait(self, is_wanted: Callable[[int], bool], timeout: float = TIMEOUT) -> float:
        """Wait for a pulse, ns; return when it was there, s. Raises TimeoutError."""
        deadline = time.perf_counter() + timeout
        while not is_wanted(int(fake_car.read(self._path))):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{self._path} is {fake_car.read(self._path)} still")
            select.select([self._events], [], [], 1.0)
            while select.select([self._events], [], [], 0)[0]:
                os.read(self._events, 4096)
        return time.perf_counter()


def sent(name: str, number: signal.Signals) -> Callable[["Car"], object]:
    """What sends a signal to one process."""
    return lambda car: car.processes[name].send_signal(number)


def started_again(name: str) -> Callable[["Car"], object]:
    """What starts a process that is ending."""

    def start_again(car: "Car") -> None:
        car.processes[name].wait()
        car.start(name)

    return start_again


class Car:
    """The car's nodes as processes, on a fake car in a folder."""

    def __init__(self, folder: Path, node: Node) -> None:
        """Build the fake car. node: the one that enables it."""
        self.root = folder / "car"
        fake_car.make(self.root)
        channel = fake_car.chip(self.root)
        self.motor = Pulses(channel / f"pwm{fake_car.MOTOR}" / "duty_cycle")
        self.steering = Pulses(channel / f"pwm{fake_car.STEERING}" / "duty_cycle")
        self._node = node
        self._enable = node.create_client(SetBool, "drive/enable")
        self._parameters = {
            "servo_node": [f"root:={self.root}"],
            "camera_node": [f"device:={make_images(folder / 'images')}"],
            "agent_node": [f"model:={make_model(folder / 'model')}"],
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a node; or all of them, by their launch file."""
        if name == "launch":
            values = [pair for values in self._parameters.values() for pair in values]
            self._run(name, "-m", "deepracer_cli.main", "launch", "car.launch.xml", *values)
        else:
            words = [word for value in self._parameters[name] for word in ("-p", value)]
            self._run(name, str(ROOT / "libexec" / name), "--ros-args", *words)

    def _run(self, name: str, *words: str) -> None:
        quiet = subprocess.DEVNULL
        command = [sys.executable, *words]
        self.processes[name] = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=quiet, stderr=quiet
        )

    def signal_guard(self, number: signal.Signals) -> None:
        """Send a signal to the only child of the servo node."""
        pid = self.processes["servo_node"].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        os.kill(int(children), number)

    def switch(self, on: bool) -> bool:
        """Call drive/enable and return whether it was obeyed."""
        if not self._enable.wait_for_service(TIMEOUT):
            raise TimeoutError("no servo node offers drive/enable")
        future = self._enable.call_async(SetBool.Request(data=on))
        rclpy.spin_until_future_complete(self._node, future, timeout_sec=1.0)
        answer = future.result() if future.done() else None
        return bool(answer and answer.success)

    def drive(self) -> None:
        """Enable it until it moves: on a busy machine it goes off while other nodes start."""
        deadline = time.perf_counter() + TIMEOUT
        while time.perf_counter() < deadline:
            with suppress(TimeoutError):
                self.switch(True)
                self.motor.wait(partial(ne, STOCK.motor.mid), 1.0)
                return
        raise TimeoutError("the car does not drive")

    def end(self) -> None:
        """End all processes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            process.wait()
        self.processes.clear()


FAULTS = (
    Fault("agent killed", 0.2, sent("agent_node", signal.SIGKILL), started_again("agent_node")),
    Fault(
        "camera silent",
        0.2,
        sent("camera_node", signal.SIGSTOP),
        sent("camera_node", signal.SIGCONT),
    ),
    Fault("disabled", 0.2, lambda car: car.switch(False), lambda car: None),
    Fault("guard killed", 0.2, lambda car: car.signal_guard(signal.SIGKILL), lambda car: None),
    Fault("guard stuck", 0.5, lambda car: car.signal_guard(signal.SIGSTOP), lambda car: None),
    Fault(
        "servo node killed", 0.5, sent("servo_node", signal.SIGKILL), started_again("servo_node")
    ),
    Fault(
        "servo node stuck",
        0.5,
        sent("servo_node", signal.SIGSTOP),
        sent("servo_node", signal.SIGCONT),
    ),
)
ENDED = Fault("launch ended", 0.2, sent("launch", signal.SIGINT), started_again("launch"))


def make_images(folder: Path) -> Path:
    """A folder of pictures of noise, for the camera."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(30):
        picture = rng.integers(0, 256, (120, 160, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    return folder


def make_model(folder: Path) -> Path:
    """The folder of a model that drives straight on at 1 m/s, whatever it sees."""
    linear = torch.nn.Linear(1800, 2)
    torch.nn.init.zeros_(linear.weight)
    linear.bias.data = torch.tensor([1.0, 0.0])
    network = torch.nn.Sequential(torch.nn.Flatten(), linear, torch.nn.Softmax(-1))
    folder.mkdir()
    actions = DiscreteActions((Command(0.0, 1.0), Command(0.1, 1.0)))
    save_metadata(ModelMetadata(actions), folder / METADATA)
    (folder / POLICY).write_bytes(export_onnx(network))
    return folder


def measure(car: Car, fault: Fault, count: int) -> list[float]:
    """Break a driving car `count` times; the times until it was neutral, s."""
    times = []
    for _ in range(count):
        car.drive()
        time.sleep(random.uniform(0.2, 0.3))  # anywhere between two images
        car.motor.wait(partial(ne, STOCK.motor.mid))
        began = time.perf_counter()
        fault.break_(car)
        times.append(car.motor.wait(partial(eq, STOCK.motor.mid)) - began)
        time.sleep(0.1)
        fault.mend(car)
    return times


def time_commands(car: Car, node: Node) -> list[float]:
    """Send commands, each with another angle; the times until their pulses, s."""
    publisher = node.create_publisher(AckermannDriveStamped, "drive", COMMAND)
    while not publisher.get_subscription_count():
        time.sleep(0.05)
    times = []
    for number in range(COMMANDS):
        angle = math.radians(30 if number % 2 else -30)
        pulse = STOCK.servo.pulse(1 if number % 2 else -1)
        began = time.perf_counter()
        publisher.publish(to_drive(angle, 1.0, node.get_clock().now().to_msg()))
        times.append(car.steering.wait(partial(eq, pulse)) - began)
        time.sleep(max(began + 1 / COMMAND_RATE - time.perf_counter(), 0.0))
    node.destroy_publisher(publisher)
    return times


def tell(name: str, times: list[float], limit: float) -> None:
    """Print one line of figures."""
    p50, p99 = 1000 * np.percentile(times, [50, 99])
    print(
        f"{name:18} {len(times):4} times: p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, "
        f"max {1000 * max(times):6.1f} ms (asked for: {1000 * limit:.0f} ms)",
        flush=True,
    )


def main() -> None:
    """Print what was measured, beside what is asked for."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rclpy.init(domain_id=DOMAIN)
    node = rclpy.create_node("bench")
    with tempfile.TemporaryDirectory() as folder:
        car = Car(Path(folder), node)
        try:
            car.start("servo_node")
            car.switch(True)
            tell("command to pulse", time_commands(car, node), 0.005)
            for name in NODES[1:]:
                car.start(name)
            for fault in FAULTS:
                tell(fault.name, measure(car, fault, count), fault.limit)
            car.end()
            car.start("launch")
            tell(ENDED.name, measure(car, ENDED, count), ENDED.limit)
        finally:
            car.end()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
