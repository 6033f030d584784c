import fcntl
import io
import os
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from deepracer_cli import launch_run
from deepracer_cli.launch_file import shipped
from deepracer_cli.main import app

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0  # s that a condition is waited for; met at once on most machines

# Starts the processes of a launch file without asking for ROS.
RUN = """
import sys
from pathlib import Path
import deepracer_cli.launch_run as launch_run
from deepracer_cli.launch_file import processes
launch_run._PATIENCE = float(sys.argv[2])
sys.exit(launch_run.run(processes(Path(sys.argv[1]), {})))
"""
# Says how it is asked to end, and ends when that happens. That it is up a file tells.
NODE = """
import os, signal, sys, time
def asked(number, _):
    print("asked by", signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGINT, asked)
signal.signal(signal.SIGTERM, asked)
open(sys.argv[0] + ".up", "w")
print("up", os.getpid())
while True:
    time.sleep(0.01)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, lambda *_: print("I stay"))
signal.signal(signal.SIGTERM, lambda *_: print("I do stay"))
print("up", os.getpid())
while True:
    time.sleep(0.01)
"""


def until(condition, what):
    """Wait until condition() holds; return what it gave."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {TIMEOUT} s: {what}")
        time.sleep(0.01)
    return value


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Launched:
    """A launch that runs. `text` is what it has written so far."""

    def __init__(self, command, environment, **options):
        self.text = ""
        self._left = False
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal of who runs the tests is none of theirs
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while not self._left and (data := os.read(self.process.stdout.fileno(), 65536)):
            self.text += data.decode(errors="backslashreplace")

    def leave(self):
        """Read no more, as `| head` does."""
        self._left = True
        self._reader.join(TIMEOUT)
        self.process.stdout.close()

    def expect(self, pattern, count=1):
        """Wait until the pattern is found `count` times; return its groups of the last one."""
        finds = until(
            lambda: len(found := list(re.finditer(pattern, self.text))) >= count and found,
            f"{pattern}\n{self.text}",
        )
        return finds[-1].groups()

    def pids(self):
        return [int(pid) for pid in re.findall(r"process started with pid \[(\d+)\]", self.text)]

    def end(self):
        """Wait for the end; nothing must be left then. Return the exit code."""
        code = self.process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        assert [pid for pid in self.pids() if is_alive(pid)] == []
        return code


@pytest.fixture
def start(tmp_path):
    """A function that launches programs of the given sources: name="..." or name=("...", on_exit).

    A source that begins with #! is taken as it is, others are Python.
    """
    running = []

    def start(*, patience=60.0, options=None, **programs):
        lines = []
        for name, source in programs.items():
            source, on_exit = source if isinstance(source, tuple) else (source, "")
            path = tmp_path / name
            path.write_text(source if source.startswith("#!") else f"#!{sys.executable}\n{source}")
            path.chmod(0o755)
            lines.append(f'<executable cmd="{path}" {on_exit}/>')
        file = tmp_path / "some.launch.xml"
        file.write_text(f"<launch>{''.join(lines)}</launch>")
        command = [sys.executable, "-c", RUN, str(file), str(patience)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running.append(Launched(command, environment, **(options or {})))
        return running[-1]

    yield start
    for launched in running:
        launched.process.kill()
        launched.process.wait()
        for pid in launched.pids():
            until(lambda pid=pid: not is_alive(pid), f"{pid} is left")


SHUTDOWN = 'on_exit="shutdown"'


def waiting_for(path):
    """The source of a program that ends when there is such a file."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)"


# Output


def test_lines_carry_the_name_and_are_whole(start):
    chatter = """
import sys
for number in range(300):
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"{stream.name} ")
        stream.write(f"{number}\\n")
"""
    launched = start(a=chatter, b=chatter)
    assert launched.end() == 0
    lines = launched.text.splitlines()
    for name in ("a-1", "b-2"):
        for stream in ("<stdout>", "<stderr>"):
            start_of_line = f"[{name}] {stream} "
            found = [line for line in lines if line.startswith(start_of_line)]
            assert found == [f"{start_of_line}{number}" for number in range(300)]
    assert len([line for line in lines if not line.startswith("[INFO]")]) == 1200


def test_lines_appear_at_once(start):
    launched = start(a="import time\nprint('at once')\ntime.sleep(1000)")
    launched.expect(r"\[a-1\] at once\n")
    assert launched.process.poll() is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("b'no end'", "no end"),
        ("b'10 %\\r20 %\\r30 %\\n'", "30 %"),
        ("b'from elsewhere\\r\\n'", "from elsewhere"),
        ("'\\u00e9\\U0001f600'.encode()", "\u00e9\U0001f600"),
        ("b'\\xff\\n'", "\\xff"),
    ],
)
def test_unusual_output(start, written, shown):
    launched = start(a=f"import os\nos.write(1, {written})")
    assert launched.end() == 0
    assert f"\n[a-1] {shown}\n[INFO]" in launched.text


def test_nothing_is_lost_where_a_write_takes_only_a_part(monkeypatch):
    class Raw(io.BytesIO):
        """Takes three bytes at a time, as a pipe without a buffer may when a signal comes."""

        def write(self, data):
            return super().write(data[:3])

    raw = Raw()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=raw))
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", buffering=0) as node:
        node.write(b"one line\nand another\n")
        launch_run._Lines(stream, b"[a] ").copy()
    assert raw.getvalue() == b"[a] one line\n[a] and another\n"


def test_a_line_without_end_is_broken(start):
    launched = start(a="import os\nfor _ in range(10): os.write(1, b'x' * 20000)")
    assert launched.end() == 0
    lines = re.findall(r"^\[a-1\] (x+)$", launched.text, re.MULTILINE)
    assert sum(map(len, lines)) == 200000
    assert len(lines) > 1


def test_a_reader_that_leaves_ends_the_launch(start):
    launched = start(a="import time\nwhile True: print('more', time.sleep(0.01))", patience=0.2)
    launched.expect("more")
    launched.leave()
    assert launched.end() == 1


# How it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_every_node_cleanly(start, number):
    launched = start(a=NODE, b=NODE)
    launched.expect(r"\] up", 2)
    launched.process.send_signal(number)
    assert launched.end() == 0
    for name in ("a-1", "b-2"):
        assert f"[{name}] asked by SIGINT\n" in launched.text
        assert f"[INFO] [{name}]: process has finished cleanly" in launched.text


def test_ending_by_the_signal_is_clean(start):
    launched = start(a="#!/bin/sh\necho up\nexec sleep 1000")
    launched.expect(r"\] up")
    launched.process.send_signal(signal.SIGINT)
    assert launched.end() == 0


def test_failing_at_the_end_is_told(start):
    launched = start(a=NODE.replace("sys.exit(0)", "sys.exit(7)"))
    launched.expect(r"\] up")
    launched.process.send_signal(signal.SIGINT)
    assert launched.end() == 1
    assert "process has died" in launched.text
    assert "exit code 7" in launched.text


def test_the_stubborn_are_asked_less_kindly(start):
    launched = start(a=STUBBORN, b=NODE, patience=0.3)
    launched.expect(r"\] up", 2)
    launched.process.send_signal(signal.SIGINT)
    assert launched.end() == 1
    assert re.search(r"I stay\n(.*\n)*.*I do stay\n(.*\n)*.*signal SIGKILL", launched.text)
    assert "[b-2] asked by SIGINT\n" in launched.text


def test_a_second_signal_hastens(start):
    launched = start(a=STUBBORN, patience=1000.0)
    launched.expect(r"\] up")
    launched.process.send_signal(signal.SIGINT)
    launched.expect("I stay")
    launched.process.send_signal(signal.SIGINT)
    launched.expect("I do stay")
    launched.process.send_signal(signal.SIGINT)
    assert launched.end() == 1


@pytest.mark.parametrize(
    ("last_words", "how"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "signal SIGKILL"),
        ("os.abort()", "signal SIGABRT"),
        ("1 / 0", "exit code 1"),
    ],
)
def test_a_death_is_told_and_ends_the_launch(start, last_words, how):
    launched = start(a=NODE, b=f"import os, sys\nsys.stdin.read()\n{last_words}")
    assert launched.end() == 1
    assert re.search(rf"\[ERROR\] \[b-2\]: process has died \[pid \d+, {how}\]", launched.text)


def test_the_end_of_one_that_matters_ends_the_launch(start, tmp_path):
    launched = start(a=NODE, b=(waiting_for(tmp_path / "a.up"), SHUTDOWN))
    assert launched.end() == 0
    assert "[a-1] asked by SIGINT\n" in launched.text


def test_the_end_of_another_does_not(start, tmp_path):
    launched = start(a=NODE, b=waiting_for(tmp_path / "a.up"), c=waiting_for(tmp_path / "go"))
    launched.expect(r"\[b-2\]: process has finished cleanly")
    (tmp_path / "go").touch()
    launched.expect(r"\[c-3\]: process has finished cleanly")
    assert "asked" not in launched.text
    assert launched.process.poll() is None


def test_what_a_process_leaves_behind_does_not_hold_the_launch(start):
    launched = start(a="#!/bin/sh\nsleep 2 &\nprintf 'no end'")
    assert launched.end() == 0
    assert "[a-1] no end\n[INFO]" in launched.text


def test_what_cannot_start_ends_the_launch(start):
    launched = start(a=NODE, b="#!/no/such/interpreter\n", c=NODE)
    assert launched.end() == 1
    assert re.search(r"\[ERROR\] \[b-2\]: .*/b: No such file or directory", launched.text)
    assert "c-3" not in launched.text


def test_nothing_is_left_when_the_launch_is_killed(start):
    launched = start(a=NODE, b=STUBBORN)
    launched.expect(r"\] up", 2)
    launched.process.kill()
    for pid in launched.pids():
        until(lambda pid=pid: not is_alive(pid), f"{pid} is left")


def test_ctrl_c_of_a_terminal_is_heard_once(start):
    counter = """
import signal, time
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
with open("/dev/tty") as terminal:  # as for the keys of teleop: this fails in the background
    import os
    print("up", os.tcgetpgrp(terminal.fileno()) == os.getpgrp())
while not heard:
    time.sleep(0.01)
time.sleep(0.5)
print("heard", len(heard))
"""
    master, slave = os.openpty()
    launched = start(
        a=counter,
        options={"preexec_fn": lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0)},
    )
    launched.expect("up True")
    os.write(master, b"\x03")
    assert launched.end() == 0
    assert "[a-1] heard 1\n" in launched.text
    os.close(slave)
    os.close(master)


# The command


def test_help_names_every_file_that_comes_with_the_project():
    shown = CliRunner().invoke(app, ["launch", "--help"])
    assert set(shipped()) <= set(re.findall(r"\w+", shown.output))


def test_show_args():
    shown = CliRunner().invoke(app, ["launch", "replay", "--show-args"])
    assert shown.exit_code == 0
    assert "'bag':\n        Folder of the bag\n        (required)" in shown.output
    assert "'out':" in shown.output
    assert "(default: 'replay')" in shown.output


def test_show_args_of_included_files(tmp_path):
    file = tmp_path / "mine.launch.xml"
    share = "$(find-pkg-share deepracer_ros)"
    file.write_text(
        '<launch><arg name="which" default="none"/>'
        f'<include file="{share}/launch/$(var which).launch.xml"/></launch>'
    )
    for values, expected in (
        ([], ["which"]),
        (["which:=replay"], ["which", "bag", "model", "out"]),
    ):
        shown = CliRunner().invoke(app, ["launch", str(file), *values, "-s"])
        assert shown.exit_code == 0
        assert re.findall(r"^    '(\w+)':$", shown.output, re.MULTILINE) == expected


def test_without_ros_it_says_so(tmp_path):
    code = "import sys; sys.modules['rclpy'] = None; from deepracer_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "launch", "sim"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ROS 2 was not found")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
