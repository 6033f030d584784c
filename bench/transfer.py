"""How models drive in Gazebo that have only ever seen the embedded world.

    python -m bench.transfer MODEL ...

Each model drives ten laps in either world, on the track and with the car it was trained for: in
the embedded one by `deepracer evaluate`, in Gazebo through its agent node, in real time over
topics. The first lap starts from standing, the others flying.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Float32, String

from bench.ros import DOMAIN, ENVIRONMENT, deepracer
from bench.told import told
from deepracer_agent.model import CHECKPOINT, find_model
from deepracer_agent.settings import load_settings

LAPS = 10
PATIENCE = 120.0  # s without a lap, after which something is broken


class Laps(NamedTuple):
    """What came of ten laps."""

    clean: int  # laps during which the car was never put back on the track
    times: list[float]  # s, of the clean ones


def embedded_laps(folder: Path) -> Laps:
    """Drive in the embedded world. Raises UserError where the model cannot be read."""
    deepracer("evaluate", str(folder), "--laps", str(LAPS), "--world", "embedded")
    newest = max(
        (folder / "metrics").glob("EvaluationMetrics-*.json"), key=lambda path: path.stat().st_mtime
    )
    trials = json.loads(newest.read_text())["metrics"]
    times = [trial["elapsed_time_in_milliseconds"] / 1e3 for trial in trials if _is_clean(trial)]
    return Laps(len(times), times)


def _is_clean(trial: dict[str, float]) -> bool:
    return trial["completion_percentage"] == 100 and trial["reset_count"] == 0


def gazebo_laps(folder: Path) -> Laps:
    """Let the agent node drive in Gazebo, and listen to the referee."""
    settings = load_settings(folder / CHECKPOINT)
    words = [
        "sim.launch.xml", "world:=gazebo", f"model:={folder.resolve()}",
        f"track:={settings.tracks[0]}", f"car:={settings.car}", f"camera:={settings.camera}",
        f"clockwise:={str(settings.clockwise).lower()}",
    ]  # fmt: skip
    with launched(words):
        return listen()


@contextmanager
def launched(words: Sequence[str]) -> Iterator[None]:
    """A launch file's nodes run meanwhile."""
    command = [sys.executable, "-m", "deepracer_cli.main", "launch", *words]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def listen() -> Laps:
    """Hear ten laps on race/lap_time, and on race/event what went wrong between them."""
    context = rclpy.Context()
    context.init(domain_id=DOMAIN)
    node = rclpy.create_node("bench", context=context)
    events: list[str] = []
    times: list[float] = []
    node.create_subscription(String, "race/event", lambda event: events.append(event.data), 10)
    node.create_subscription(Float32, "race/lap_time", lambda lap: times.append(lap.data), 10)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    last = time.monotonic()
    while min(events.count("lap"), len(times)) < LAPS:
        heard = len(events)
        executor.spin_once(timeout_sec=1.0)
        last = time.monotonic() if len(events) > heard else last
        if time.monotonic() - last > PATIENCE:
            raise TimeoutError(f"no word of the race for {PATIENCE:.0f} s")
    context.shutdown()
    clean = [events[i - 1 : i] in ([], ["lap"]) for i, event in enumerate(events) if event == "lap"]
    kept = [lap for lap, good in zip(times, clean[:LAPS], strict=False) if good]
    return Laps(len(kept), kept)


def row(folder: Path) -> str:
    """Drive with one model; its row of the table."""
    track = load_settings(folder / CHECKPOINT).tracks[0]
    ours, theirs = embedded_laps(folder), gazebo_laps(folder)
    text = f"| {folder.name} on {track} "
    for laps in (ours, theirs):
        mean = f"{np.mean(laps.times):.2f} s" if laps.times else "-"
        text += f"| {laps.clean} of {LAPS} | {mean} "
    if not (ours.times and theirs.times):
        return text + "| - |"
    return text + f"| {np.mean(theirs.times) / np.mean(ours.times) - 1:+.1%} |"


def compare(models: Sequence[str]) -> None:
    """Print the table. Raises UserError for a model that cannot be read."""
    print("| model | embedded: laps | time | Gazebo, agent node: laps | time | |")
    print("|---|---|---|---|---|---|")
    for name in models:
        print(row(find_model(name)), flush=True)


def main() -> int:
    """Run from the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="names or folders")
    models = parser.parse_args().models
    return told(lambda: compare(models))


if __name__ == "__main__":
    sys.exit(main())
