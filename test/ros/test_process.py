"""A node's process that is asked to end while it starts."""

import signal

import pytest

pytest.importorskip("rclpy")

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
