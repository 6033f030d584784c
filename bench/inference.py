"""How long a policy takes from a camera frame to a command, on one core: each engine.

`python -m bench.inference`. Each case has a process of its own, for its memory.
"""

import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

FRAMES = 3_000


class Measured(NamedTuple):
    """Times in ms, memory in MB."""

    p50: float
    p99: float
    most: float
    memory: float
    modules: str


def make_trained(folder: Path) -> None:
    """A model as training makes it, of the default actions and network; its weights are random."""
    from deepracer_agent.actions import load_metadata, save_metadata
    from deepracer_agent.env import DrivingVecEnv
    from deepracer_agent.export import export_onnx
    from deepracer_agent.hyperparameters import Hyperparameters
    from deepracer_agent.learner import make_learner
    from deepracer_agent.networks import deterministic_layers
    from deepracer_agent.rewards import load_reward
    from deepracer_agent.settings import Settings, build_fleet
    from deepracer_sim.files import write_atomic

    metadata = load_metadata("default")
    env = DrivingVecEnv(build_fleet(Settings(), 1), metadata, load_reward("center_line"))
    learner = make_learner(env, metadata, Hyperparameters(), seed=0)
    layers = deterministic_layers(learner.policy, discrete=True)
    write_atomic(folder / "policy.onnx", export_onnx(layers))
    save_metadata(metadata, folder / "model_metadata.json")


def make_service(folder: Path) -> None:
    """A model of the size that the service's were: its shallow network on whole frames."""
    from deepracer_agent.actions import load_metadata, save_metadata
    from deepracer_agent.tensorflow_graph import tensor_names
    from deepracer_agent.tensorflow_writer import GraphWriter
    from deepracer_sim.files import write_atomic

    metadata = load_metadata("default")
    names, random = tensor_names(metadata), np.random.default_rng(0)
    graph = GraphWriter(names.input, [-1, 120, 160, 1])
    graph.add("RealDiv", "", graph.constant(255.0))
    for kernel, stride, shape in ((8, 4, (1, 32)), (4, 2, (32, 64)), (3, 1, (64, 64))):
        weights = graph.constant(random.normal(0, 0.05, (kernel, kernel, *shape)))
        graph.add("Conv2D", "", weights, strides=[1, stride, stride, 1], padding=b"VALID")
        graph.add("BiasAdd", "", graph.constant(np.zeros(shape[1])))
        graph.add("Relu")
    graph.add("Reshape", "", graph.constant([-1, 11 * 16 * 64], np.int32), Tshape=3)
    for dense in ((11 * 16 * 64, 512), (512, 10)):
        graph.add("MatMul", "", graph.constant(random.normal(0, 0.05, dense)))
        graph.add("BiasAdd", "", graph.constant(np.zeros(dense[1])))
        graph.add("Relu" if dense[1] == 512 else "Softmax")
    write_atomic(folder / "model.pb", graph.finish(names.output))
    save_metadata(metadata, folder / "model_metadata.json")


def measure(folder: Path) -> Measured:
    """Drive by FRAMES colour frames, on one core."""
    from deepracer_agent.driver import Driver
    from deepracer_agent.policy import Policy

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    driver = Driver(Policy(folder))
    frames = np.random.default_rng(0).integers(0, 256, (100, 120, 160, 3), np.uint8)
    times = np.empty(FRAMES)
    for i in range(FRAMES):
        began = time.perf_counter()
        driver.drive(frames[i % len(frames)], i, i)
        times[i] = 1000 * (time.perf_counter() - began)
    p50, p99, most = np.percentile(times, [50, 99, 100]).tolist()
    resident = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert resident
    loaded = ", ".join(name for name in ("onnxruntime", "openvino", "torch") if name in sys.modules)
    return Measured(p50, p99, most, int(resident[1]) / 1000, loaded)


def main() -> None:
    """Print a table: milliseconds from frame to command."""
    from deepracer_agent.model_export import export_model
    from deepracer_agent.model_import import import_model

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make_trained(root / "trained")
        make_service(root / "service")
        archive = export_model(root / "trained", "aws-car", root / "trained.tar.gz")
        cases = {
            "trained here": root / "trained",
            "the same, out and in": import_model(archive, None, root / "models"),
            "the service's size": root / "service",
        }
        print("| model | run by | p50 | p99 | most | memory |\n|---|---|---|---|---|---|")
        for name, folder in cases.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                found = pool.submit(measure, folder).result()
            print(
                f"| {name} | {found.modules} | {found.p50:.2f} ms | {found.p99:.2f} ms "
                f"| {found.most:.2f} ms | {found.memory:.0f} MB |"
            )


if __name__ == "__main__":
    main()
