"""What goes wrong with whole processes: killed, misconfigured, without shared memory."""

import fcntl
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image

from deepracer_agent.actions import save_metadata
from deepracer_agent.model import METADATA, POLICY
from deepracer_ros.messages import AckermannDriveStamped, to_nanoseconds
from deepracer_ros.topics import COMMAND, SENSOR

from .conftest import TIMEOUT

ROOT = Path(__file__).parents[2]
NODES = sorted(path.name for path in (ROOT / "libexec").glob("*_node"))
PATIENCE = 0.2  # s of simulated time
SHARED_MEMORY = Path("/dev/shm")
FILES_UP_TO = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))".format


@pytest.fixture(scope="module")
def straight_on(tmp_path_factory, three_actions):
    """The folder of a model that drives straight on at 1 m/s, whatever it sees."""
    import torch

    from deepracer_agent.export import export_onnx

    linear = torch.nn.Linear(1800, 3)
    torch.nn.init.zeros_(linear.weight)
    linear.bias.data = torch.tensor([0.0, 1.0, 0.0])
    network = torch.nn.Sequential(torch.nn.Flatten(), linear, torch.nn.Softmax(-1))
    folder = tmp_path_factory.mktemp("models") / "straight_on"
    folder.mkdir()
    save_metadata(three_actions, folder / METADATA)
    (folder / POLICY).write_bytes(export_onnx(network))
    return folder


def seconds(message):
    return to_nanoseconds(message.header.stamp) / 1e9


def speed(odometry):
    return odometry.twist.twist.linear.x


def assert_one_line(process, *words):
    assert process.wait() == 1, process.output
    assert process.output.startswith("Error: "), process.output
    assert process.output.count("\n") == 1
    for word in words:
        assert word in process.output


def test_a_killed_agent_s_car_stops_and_another_agent_drives_on(start, peer, straight_on):
    odometry = peer.listen(Odometry, "odom")
    commands = peer.listen(AckermannDriveStamped, "drive", COMMAND)
    world = start("world_node", put_back=False)
    agent = start("agent_node", model=straight_on, use_sim_time=True)
    peer.spin_until(lambda: commands and odometry and speed(odometry[-1]) > 0.9)
    agent.kill()
    peer.spin_until(lambda: speed(odometry[-1]) < 0.01)
    last = max(seconds(command) for command in commands)
    # The command came a step after its image, or two, and took effect after the car's own delay.
    after = [speed(one) for one in odometry if seconds(one) > last + PATIENCE + 3.5 / 15]
    assert max(after) < 0.9
    assert (np.diff(after)[np.array(after[1:]) > 0.01] < 0).all()
    start("agent_node", model=straight_on, use_sim_time=True)
    peer.spin_until(lambda: speed(odometry[-1]) > 0.5)
    assert world.poll() is None


@pytest.mark.parametrize("node", NODES)
def test_a_wrong_domain_is_told_in_one_line(start, node):
    assert_one_line(start(node, env={"ROS_DOMAIN_ID": "999"}), "ROS_DOMAIN_ID", "'999'", "0 to 232")


@pytest.mark.parametrize("domain", ["abc", "-1", "1.5", "233"])
def test_no_wrong_domain_is_taken_for_another(start, domain):
    process = start("world_node", env={"ROS_DOMAIN_ID": domain})
    assert_one_line(process, "ROS_DOMAIN_ID", repr(domain), "whole number")


@pytest.mark.parametrize("node", NODES)
def test_a_missing_home_is_told_in_one_line(start, node):
    nowhere = {"HOME": "", "ROS_HOME": "", "ROS_LOG_DIR": ""}
    assert_one_line(start(node, env=nowhere), "HOME is not set", "ROS_LOG_DIR")


def test_a_home_that_cannot_be_written_to_is_told_in_one_line(start):
    process = start("world_node", env={"HOME": "/dev/null", "ROS_HOME": "", "ROS_LOG_DIR": ""})
    assert_one_line(process, "ROS does not start", "/dev/null/.ros/log")


@pytest.fixture
def ports(domain):
    """The files of the domain's ports in shared memory; they are removed at the end."""
    if not SHARED_MEMORY.is_dir():
        pytest.skip("shared memory is kept elsewhere")
    paths = [SHARED_MEMORY / f"fastdds_port{7400 + 250 * domain + k}" for k in range(60)]
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)
        lock_of(path).unlink(missing_ok=True)


def lock_of(port):
    return port.with_name(f"{port.name}_el")


@pytest.fixture
def busy_ports(ports):
    """All these ports are taken by another program: this one."""
    with ExitStack() as stack:
        for port in ports:
            file = stack.enter_context(lock_of(port).open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_busy_ports_in_shared_memory_do_not_matter(busy_ports, start, peer, straight_on):
    images = peer.listen(Image, "camera/image_raw", SENSOR)
    commands = peer.listen(AckermannDriveStamped, "drive", COMMAND)
    nodes = [start("world_node"), start("agent_node", model=straight_on, use_sim_time=True)]
    peer.spin_until(lambda: len(images) > 10 and any(one.drive.speed for one in commands))
    for node in nodes:
        assert node.stop() == 0
        assert "Traceback" not in node.output


@pytest.mark.parametrize("node", ["world_node", "trainer_node"])
def test_a_port_that_a_killed_node_left_unfinished_is_told(ports, start, node):
    ports[11].write_bytes(b"")
    assert_one_line(start(node), str(ports[11]), "remove the file")


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="shared memory is kept elsewhere")
def test_without_shared_memory_nodes_say_so_and_train_over_the_network(start, round_track):
    none, little = FILES_UP_TO(500_000), FILES_UP_TO(17_000_000)  # enough for a checkpoint
    world = start("world_node", before=none, lockstep=True, cars=4, track=round_track)
    trainer = start("trainer_node", before=little, name="m", steps=500, minutes=0.0)
    assert trainer.wait() == 0, trainer.output
    assert world.stop() == 0
    for node in (world, trainer):
        told = [line for line in node.output.splitlines() if "Shared memory cannot be" in line]
        assert len(told) == 1, node.output
        assert "/dev/shm" in told[0]


def own_memory(size):
    """The beginning of a command that runs the rest of it with little shared memory of its own."""
    mount = f'mount -t tmpfs -o size={size} tmpfs {SHARED_MEMORY} && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]


def may_have_own_memory():
    with suppress(OSError):
        return subprocess.run([*own_memory("4k"), "true"], capture_output=True).returncode == 0
    return False


@pytest.mark.skipif(not may_have_own_memory(), reason="namespaces are not allowed here")
def test_full_shared_memory_is_told_in_one_line(domain, tmp_path):
    result = subprocess.run(
        [*own_memory("4k"), sys.executable, str(ROOT / "libexec" / "world_node")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert result.returncode == 1, result.stderr  # and not killed by SIGBUS
    assert result.stderr.startswith("Error: The shared memory /dev/shm is full")
    assert result.stderr.count("\n") == 1
