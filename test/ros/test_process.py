"""A node's process that is asked to end while it starts; a thread that ends as it begins."""

import signal
import threading

import pytest

pytest.importorskip("rclpy")

import rclpy
from rclpy.executors import SingleThreadedExecutor

from deepracer_ros.process import served

from .conftest import TIMEOUT

# The signal comes when ROS is up and there is no node yet.
EARLY = (
    "import os, deepracer_ros.process as process; check = process.check_ports; "
    "process.check_ports = lambda domain: (check(domain), os.kill(os.getpid(), {0}))"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("node", ["world_node", "agent_node", "replay_node", "teleop_node"])
def test_asked_to_end_while_it_starts_it_ends_without_a_word(start, node, number):
    process = start(node, before=EARLY.format(int(number)))
    assert process.wait() == 0
    assert process.output == ""


def test_a_served_node_ends_while_its_thread_is_about_to_wait(domain, monkeypatch):
    """rclpy's executor takes away what would wake such a thread, when it is shut down."""
    arrived, ending = threading.Event(), threading.Event()
    get_nodes = SingleThreadedExecutor.get_nodes

    def slow(executor):
        nodes = get_nodes(executor)
        arrived.set()
        ending.wait(TIMEOUT)
        return nodes

    monkeypatch.setattr(SingleThreadedExecutor, "get_nodes", slow)
    context = rclpy.Context()
    context.init(domain_id=domain)

    def serve():
        with served(rclpy.create_node("short", context=context)):
            arrived.wait(TIMEOUT)
            threading.Timer(0.2, ending.set).start()  # when the end is under way

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    context.shutdown()
