"""Teleop as a real process: a keyboard that is a pseudo terminal, and gamepad messages."""

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Joy

from deepracer_ros.messages import AckermannDriveStamped
from deepracer_ros.topics import COMMAND

from .conftest import ROOT, TIMEOUT

# Takes the terminal that it is given as its own, as a shell's terminal is, and becomes the node.
IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Terminal:
    """A terminal of its own, with teleop in it."""

    def __init__(self, *arguments):
        self._keys, self._side = pty.openpty()
        self.before = self.settings()
        node = str(ROOT / "libexec" / "teleop_node")
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_TERMINAL, str(self._side), node, "--ros-args", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=[self._side],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def settings(self):
        return termios.tcgetattr(self._side)

    def echoes(self):
        return bool(self.settings()[3] & termios.ECHO)

    def type(self, text):
        os.write(self._keys, text.encode())

    def wait(self):
        """Wait for the end; return the exit code and the output."""
        output, _ = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, output

    def close(self):
        self.process.kill()
        self.process.communicate()
        os.close(self._keys)
        os.close(self._side)


@pytest.fixture
def terminal(domain):
    """A function that starts teleop in a terminal of its own."""
    terminals = []

    def begin(*arguments):
        terminals.append(Terminal(*arguments))
        return terminals[-1]

    yield begin
    for one in terminals:
        one.close()


@pytest.fixture
def drives(peer):
    """The commands that were heard, as (steering angle, speed)."""
    heard = []
    peer.node.create_subscription(
        AckermannDriveStamped,
        "drive",
        lambda message: heard.append((message.drive.steering_angle, message.drive.speed)),
        COMMAND,
    )
    return heard


def command(peer, drives, wanted):
    """Wait for a command."""
    peer.spin_until(lambda: any(one == pytest.approx(wanted) for one in drives))
    drives.clear()


def drive_by_keys(peer, drives, terminal, text, wanted):
    """Type, again and again from standing, until the command is heard."""

    def heard():
        if not terminal.echoes():  # it reads keys
            terminal.type(" " + text)
        return any(one == pytest.approx(wanted) for one in drives)

    peer.spin_until(heard)
    drives.clear()


def test_keys_drive_and_whoever_lets_go_stops(terminal, peer, drives):
    teleop = terminal("-p", "max_speed:=2", "-p", "max_steering_angle:=0.5")
    drive_by_keys(peer, drives, teleop, "wwww\x1b[D", (0.1, 1.6))
    command(peer, drives, (0.0, 0.0))  # nothing is typed any more
    teleop.type("sss")
    command(peer, drives, (0.0, -1.2))
    teleop.type(" ")
    command(peer, drives, (0.0, 0.0))
    teleop.process.terminate()
    code, output = teleop.wait()
    assert code == 0
    assert "Drive with the arrow keys" in output


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, "\x03"])
def test_the_terminal_is_as_before_however_it_ends(terminal, peer, drives, end):
    teleop = terminal()
    ctrl_z, ctrl_backslash = "\x1a\x1c"  # do nothing
    drive_by_keys(peer, drives, teleop, f"{ctrl_z}{ctrl_backslash}w", (0.0, 0.2))
    if isinstance(end, str):
        teleop.type(end)
    else:
        teleop.process.send_signal(end)
    code, output = teleop.wait()
    assert code == 0
    assert "Traceback" not in output
    assert teleop.settings() == teleop.before


def test_a_bad_parameter_leaves_the_terminal_as_it_was(terminal):
    teleop = terminal("-p", "max_speed:=100")
    code, output = teleop.wait()
    assert code == 1
    assert output.startswith("Error: The parameter max_speed is 100.0; it must be")
    assert teleop.settings() == teleop.before


def joy(steering, speed, *, deadman=True):
    return Joy(
        axes=[steering, 0.0, 0.0, speed, 0.0, 0.0], buttons=[0] * 9 + [int(deadman)] + [0] * 5
    )


def test_without_a_terminal_a_gamepad_drives(start, peer, drives):
    teleop = start("teleop_node", env={}, max_speed=2, max_steering_angle=0.4)
    gamepad = peer.node.create_publisher(Joy, "joy", 10)
    reports = peer.listen(DiagnosticArray, "/diagnostics")

    def sent(message, until):
        def told():
            gamepad.publish(message)
            return until()

        peer.spin_until(told)

    sent(joy(1.0, 0.5), lambda: any(one == pytest.approx((0.4, 1.0)) for one in drives))
    drives.clear()
    sent(joy(1.0, 0.5, deadman=False), lambda: (0.0, 0.0) in drives)
    sent(Joy(), lambda: any("has 0 axes" in array.status[0].message for array in reports))
    peer.spin_until(lambda: "nobody drives" in {array.status[0].message for array in reports})
    assert "only a gamepad (joy) drives" in teleop.output
    assert teleop.stop() == 0
