"""What the car's graph takes on this machine: `python -m bench.car MODEL`.

`car.launch.xml` on a fake car, its camera a video of 640x480 at 30 pictures/s: processor time and
memory of each process, and the latencies that the nodes report. The model is a folder.
"""

import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from std_srvs.srv import SetBool

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = 103
RATE = 30  # pictures/s
WARM_UP, DURATION = 3.0, 20.0  # s
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "ROS_DOMAIN_ID": str(DOMAIN),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
}
fake_car = SimpleNamespace(**runpy.run_path(str(ROOT / "test" / "hw" / "fake_car.py")))


def make_video(path: Path) -> None:
    """Two seconds of blurred noise, as hard to decode as a camera's pictures."""
    rng = np.random.default_rng(0)
    size = 640, 480
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), float(RATE), size)
    for _ in range(2 * RATE):
        coarse = rng.integers(0, 256, (60, 80, 3), np.uint8)
        writer.write(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))
    writer.release()


def enable(node: Node) -> None:
    """Let the car move."""
    client = node.create_client(SetBool, "drive/enable")
    client.wait_for_service()
    rclpy.spin_until_future_complete(node, client.call_async(SetBool.Request(data=True)))


def spin(node: Node, duration: float) -> None:
    """Hear what comes within some seconds."""
    deadline = time.monotonic() + duration
    while (rest := deadline - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=rest)


def family(pid: int) -> dict[int, str]:
    """A process and all below it, by their scripts' names."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    name = next((word for word in words if "_node" in word or "-m" in word), "guard")
    found = {pid: Path(name).name.replace("-m", "launch")}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= family(int(child))
    return found


def worked(pid: int) -> float:
    """Processor time of a process so far, s: utime and stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Memory of a process, MB; what several share is divided among them."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)[0]) / 1000


def measure(launch: int, node: Node) -> None:
    """Print a line for each process, and their sums."""
    spin(node, WARM_UP)
    before = {pid: worked(pid) for pid in family(launch)}
    spin(node, DURATION)
    loads = {pid: (worked(pid) - began) / DURATION for pid, began in before.items()}
    for pid, name in family(launch).items():
        print(f"{name:14} {100 * loads[pid]:5.1f} % of a core  {memory(pid):6.1f} MB")
    total = sum(map(memory, loads))
    print(f"{'all':14} {100 * sum(loads.values()):5.1f} % of a core  {total:6.1f} MB")


def main() -> None:
    """Print what was measured."""
    rclpy.init(domain_id=DOMAIN)
    node = rclpy.create_node("bench")
    told: dict[str, str] = {}

    def hear(report: DiagnosticArray) -> None:
        for status in report.status:
            values = {value.key: value.value for value in status.values}
            told[status.name] = values.get("latency p99 (ms)", "")

    node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
    with tempfile.TemporaryDirectory() as folder:
        root, video = Path(folder) / "car", Path(folder) / "video.avi"
        fake_car.make(root)
        make_video(video)
        values = [f"root:={root}", f"device:={video}", f"rate:={RATE}", f"model:={sys.argv[1]}"]
        command = [sys.executable, "-m", "deepracer_cli.main", "launch", "car.launch.xml", *values]
        launch = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        try:
            enable(node)
            measure(launch.pid, node)
        finally:
            launch.terminate()
            launch.wait()
    for name in ("/camera", "/agent"):
        print(f"{name} p99 {told[name]} ms, from the capture")
    rclpy.shutdown()


if __name__ == "__main__":
    main()
