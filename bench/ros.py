"""What the ROS graph costs on this machine: training over topics, the agent's latency, real time.

`python -m bench.ros` runs real processes, as a user starts them. Training over topics and in one
process take turns, so that both meet the same moods of the machine.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rclpy
from ackermann_msgs.msg import AckermannDriveStamped
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from deepracer_ros.messages import to_image, to_nanoseconds
from deepracer_ros.topics import COMMAND, SENSOR

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = 101
STEPS, CARS, TURNS = 50_000, 32, 3
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
    "ROS_DOMAIN_ID": str(DOMAIN),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
}


class Answers(NamedTuple):
    """What an agent made of images at some rate."""

    sent: int
    latency: NDArray[np.float64]  # s, from stamp to command, (answered,)


def deepracer(*words: str) -> str:
    """Run the command line and return what it printed."""
    command = [sys.executable, "-m", "deepracer_cli.main", *words]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def last_rate(output: str) -> float:
    """The last "1,234 steps/s" in a text."""
    return float(re.findall(r"([\d,]+) steps/s", output)[-1].replace(",", ""))


def train(turn: int) -> tuple[float, float]:
    """Steps/s in one process, and over topics."""
    here = deepracer(
        "train", "--cars", str(CARS), "--steps", str(STEPS), "--name", f"process-{turn}"
    )
    there = deepracer(
        "launch", "train.launch.xml", f"cars:={CARS}", "minutes:=0", f"steps:={STEPS}",
        f"name:=topics-{turn}",
    )  # fmt: skip
    return last_rate(here), last_rate(there)


def start(executable: str, **parameters: object) -> "subprocess.Popen[bytes]":
    """Start a node's process."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    command = [sys.executable, str(ROOT / "libexec" / executable), "--ros-args", *words]
    return subprocess.Popen(command, env=ENVIRONMENT)


def memory(process: "subprocess.Popen[bytes]") -> float:
    """Resident memory of a process, MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) / 1000


def ask(node: Node, executor: SingleThreadedExecutor, rate: float, seconds: float) -> Answers:
    """Send images at a rate, 1/s, and time the commands that answer them."""
    latency: list[float] = []

    def hear(message: AckermannDriveStamped) -> None:
        if message.drive.speed:  # not a stop, which answers no image
            stamp = to_nanoseconds(message.header.stamp)
            latency.append((node.get_clock().now().nanoseconds - stamp) / 1e9)

    publisher = node.create_publisher(Image, "camera/image_raw", SENSOR)
    subscription = node.create_subscription(AckermannDriveStamped, "drive", hear, COMMAND)
    while not (publisher.get_subscription_count() and node.count_publishers("drive")):
        executor.spin_once(timeout_sec=0.1)
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    due, sent = time.monotonic(), round(rate * seconds)
    for _ in range(sent):
        due += 1 / rate
        while (left := due - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
        publisher.publish(to_image(frame, node.get_clock().now().to_msg(), "camera_optical"))
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
    node.destroy_publisher(publisher)
    node.destroy_subscription(subscription)
    return Answers(sent, np.array(latency))


def watch(node: Node, executor: SingleThreadedExecutor, seconds: float) -> tuple[float, float]:
    """Listen to a world's camera: images per simulated second, simulated seconds per second."""
    heard: list[tuple[float, int]] = []
    node.create_subscription(
        Image,
        "camera/image_raw",
        lambda image: heard.append((time.monotonic(), to_nanoseconds(image.header.stamp))),
        SENSOR,
    )
    while not heard or heard[-1][0] - heard[0][0] < seconds:
        executor.spin_once(timeout_sec=0.1)
    wall, simulated = heard[-1][0] - heard[0][0], (heard[-1][1] - heard[0][1]) / 1e9
    return (len(heard) - 1) / simulated, simulated / wall


def main() -> None:
    """Print what was measured, beside what is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(f"Training, steps/s with {CARS} cars, {STEPS:,} steps, in turns:")
        for turn in range(TURNS):
            here, there = train(turn)
            share = there / here
            print(f"  in one process {here:,.0f}, over topics {there:,.0f}: {share:.0%} (70%)")
        context = rclpy.Context()
        context.init(domain_id=DOMAIN)
        node = rclpy.create_node("bench", context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        agent = start("agent_node", model="process-0")
        for rate in (15, 60):
            sent, latency = ask(node, executor, rate, 20)
            p50, p99 = 1000 * np.percentile(latency, [50, 99])
            print(
                f"Agent at {rate} Hz: {len(latency)} of {sent} images answered, stamp to command "
                f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (15 ms), {memory(agent):.0f} MB (150 MB)"
            )
        agent.terminate()
        world = start("world_node")
        images, factor = watch(node, executor, 60)
        print(
            f"World: {images:.3f} images a simulated second (15.0), real-time factor {factor:.4f}"
        )
        print(f"World: {memory(world):.0f} MB")
        world.terminate()
        agent.wait()
        world.wait()
        context.shutdown()


if __name__ == "__main__":
    main()
