"""Real nodes as real processes, each test on a ROS domain of its own."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0  # s that a condition is waited for; met at once on most machines

_CALL_AGAIN = 10.0  # s
_TRANSPORT = ROOT / "config" / "fastdds.xml"
_domains = itertools.cycle(range(1, 100))  # beyond 100 the ports belong to the system


@pytest.fixture
def domain(monkeypatch):
    """A ROS_DOMAIN_ID that no other test on this machine uses now."""
    while True:
        number = next(_domains)
        claim = socket.socket()
        with suppress(OSError):
            claim.bind(("127.0.0.1", 21000 + number))
            break
        claim.close()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(_TRANSPORT))
    yield number
    claim.close()


class Peer:
    """A node in the test's own process, and the executor that serves it."""

    def __init__(self, domain):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.context = rclpy.Context()
        self.context.init(domain_id=domain)
        self.node = rclpy.create_node("test", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

    def spin_until(self, condition, timeout=TIMEOUT):
        """Serve the node until condition() holds; return what it gave. Fails after `timeout`."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout} s: {condition}")
            self._executor.spin_once(timeout_sec=0.05)
        return value

    def listen(self, kind, topic, qos=1000):
        """Subscribe; return the list that the messages are added to.

        So deep that none is lost where this process has to wait for a processor.
        """
        heard = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def call(self, kind, name, request):
        """Call a service and return its answer.

        Now and then again: an answer is lost where the service has not found this client yet.
        """
        client = self.node.create_client(kind, name)
        self.spin_until(client.service_is_ready)
        calls = []

        def answered():
            if time.monotonic() > _CALL_AGAIN * len(calls) + begun:
                calls.append(client.call_async(request))
            return next((call for call in calls if call.done()), None)

        begun = time.monotonic()
        return self.spin_until(answered).result()

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()


@pytest.fixture
def peer(domain, start):
    """A node of the test's own on the domain.

    It ends before the processes do: Fast DDS may hang where another node goes (its issue 6502).
    """
    peer = Peer(domain)
    yield peer
    peer.close()


class Process:
    """A node's process. `output` grows while it runs."""

    def __init__(self, command, cwd, env):
        self.output = ""
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.output += line

    def poll(self):
        """The exit code, or None while it runs."""
        return self._process.poll()

    def send(self, number):
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        """Wait for the end and return the exit code."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout} s:\n{self.output}")
        self._reader.join(timeout)
        return code

    def stop(self):
        """End it as Ctrl-C does and return the exit code."""
        self.send(signal.SIGINT)
        return self.wait()

    def clear_away(self):
        """End it however it goes; what is killed leaves its shared memory behind."""
        self.send(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self.kill()

    def kill(self):
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def start(domain, tmp_path):
    """A function that starts one of our executables on the domain, in tmp_path.

    start("agent_node", model="x", rtf=2) sets parameters; other arguments are taken as they are.
    before: Python that the process runs first.
    """
    started = []

    def begin(executable, *arguments, env=None, before="", **parameters):
        script = str(ROOT / "libexec" / executable)
        code = f"{before}; import runpy; runpy.run_path({script!r}, run_name='__main__')"
        command = [sys.executable, *(["-c", code] if before else [script]), *arguments]
        if parameters or executable.endswith("_node"):
            command += ["--ros-args"]
            for name, value in parameters.items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                command += ["-p", f"{name}:={text}"]
        environment = {"PYTHONPATH": str(ROOT), **(env or {})}
        started.append(Process(command, tmp_path, environment))
        return started[-1]

    yield begin
    for process in started:
        process.clear_away()


@pytest.fixture(scope="session")
def models(tmp_path_factory, three_actions):
    """Models: `towards` and `away` from what is bright, a `spoilt` one, and a `damaged` one."""
    import torch

    from deepracer_agent.actions import Command, ContinuousActions, ModelMetadata, save_metadata
    from deepracer_agent.export import export_onnx
    from deepracer_agent.model import METADATA, POLICY

    left = torch.zeros(36, 50)
    left[:, :25] = 1.0
    sides = torch.stack([left, torch.full((36, 50), 0.4), 1.0 - left]).reshape(3, -1) / 100

    def save(name, metadata, weights, *last):
        linear = torch.nn.Linear(1800, len(weights))
        torch.nn.init.zeros_(linear.bias)
        linear.weight.data = weights
        folder = root / name
        folder.mkdir()
        save_metadata(metadata, folder / METADATA)
        (folder / POLICY).write_bytes(
            export_onnx(torch.nn.Sequential(torch.nn.Flatten(), linear, *last))
        )

    root = tmp_path_factory.mktemp("models")
    save("towards", three_actions, sides, torch.nn.Softmax(-1))
    save("away", three_actions, sides.flip(0), torch.nn.Softmax(-1))
    anything = ContinuousActions(Command(-0.5, 0.5), Command(0.5, 1.0))
    save("spoilt", ModelMetadata(anything), torch.full((2, 1800), 3e38))
    save("damaged", three_actions, sides, torch.nn.Softmax(-1))
    (root / "damaged" / POLICY).write_bytes(b"no ONNX")
    return root
