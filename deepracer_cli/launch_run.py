"""Running the processes of a launch: their output in lines, their end together."""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from deepracer_cli.launch_file import Process

_PATIENCE = 5.0  # s for what was asked to end, before it is asked less kindly
_LONGEST_LINE = 1 << 16  # bytes; what is longer is broken
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ESCALATION = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_libc = ctypes.CDLL(None)  # loaded here, since nothing may be between fork and exec


class _Lines:
    """Puts a prefix before each line of a stream."""

    def __init__(self, stream: IO[bytes], prefix: bytes) -> None:
        self.stream = stream
        self._prefix = prefix
        self._rest = b""
        os.set_blocking(stream.fileno(), False)

    def copy(self) -> bool:
        """Write the lines that are complete; return whether there may be more to come."""
        try:
            data = os.read(self.stream.fileno(), 1 << 20)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._write(lines)
        if not data or len(self._rest) > _LONGEST_LINE:
            self.finish()
        return bool(data)

    def finish(self) -> None:
        """Write the line that is not complete, if there is one."""
        rest, self._rest = self._rest, b""
        self._write([rest] if rest else [])

    def _write(self, lines: list[bytes]) -> None:
        # Of a progress bar the last state, since its carriage returns would undo the prefix.
        shown = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in lines]
        left = b"".join(self._prefix + line + b"\n" for line in shown)
        while left:  # with PYTHONUNBUFFERED there is no buffer that would go on after a signal
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()


class _Child:
    """A process that runs, or has ended."""

    def __init__(self, process: Process, number: int) -> None:
        self.name = f"{process.name}-{number}"
        self.ends_launch = process.ends_launch
        # It stays in this process group, since only the terminal's own group can read its keys.
        self.popen = subprocess.Popen(
            process.command,
            env={**process.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Safe, since no other Python thread runs here.
            preexec_fn=partial(_die_with, os.getpid()),
        )
        assert self.popen.stdout and self.popen.stderr
        prefix = f"[{self.name}] ".encode()
        self.outputs = [_Lines(self.popen.stdout, prefix), _Lines(self.popen.stderr, prefix)]


class _Launch:
    """What runs, and how far its end is."""

    def __init__(self) -> None:
        self.failed = False
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self._steps: Iterator[signal.Signals] = iter(_ESCALATION)
        self._deadline: float | None = None  # of the step that was taken

    def run(self, processes: list[Process]) -> None:
        """Start the processes and serve them until all have ended."""
        with self._signals() as heard, self._selector:
            self._selector.register(heard, selectors.EVENT_READ, partial(self._hear, heard))
            try:
                self._start(processes)
                while self._children:
                    self._wait()
            finally:
                for child in self._children:  # there are none, but after an error of ours
                    child.popen.kill()
                    child.popen.wait()

    def _start(self, processes: list[Process]) -> None:
        for number, process in enumerate(processes, 1):
            try:
                child = _Child(process, number)
            except OSError as error:
                _say("ERROR", f"{process.name}-{number}", f"{process.command[0]}: {error.strerror}")
                self.failed = True
                self._end()
                return
            self._children.append(child)
            for output in child.outputs:
                self._selector.register(
                    output.stream, selectors.EVENT_READ, partial(self._copy, output)
                )
            _say("INFO", child.name, f"process started with pid [{child.popen.pid}]")

    def _wait(self) -> None:
        """Wait for output, a signal or the deadline, and do what it calls for."""
        patience = None if self._deadline is None else self._deadline - time.monotonic()
        try:
            for key, _ in self._selector.select(patience):
                key.data()
            self._reap()
        except BrokenPipeError:  # the reader (`| head`) has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.failed = True
            self._end()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._end()

    def _copy(self, output: _Lines) -> None:
        if not output.copy():
            self._selector.unregister(output.stream)

    def _hear(self, heard: socket.socket) -> None:
        for number in heard.recv(4096):
            if number in _ENDING:  # SIGCHLD has only to wake
                name = signal.Signals(number).name
                _say("WARNING", "launch", f"{name}: ending all processes")
                told = self._deadline is None and number == signal.SIGINT and _at_terminal()
                self._end(send=not told)

    def _reap(self) -> None:
        for child in [child for child in self._children if child.popen.poll() is not None]:
            self._children.remove(child)
            for output in child.outputs:
                output.copy()
                output.finish()
            asked = self._deadline is not None
            clean = _is_clean(child.popen.returncode, asked)
            _say("INFO" if clean else "ERROR", child.name, _epitaph(child.popen, clean))
            self.failed |= not clean
            if not asked and (child.ends_launch or not clean):
                self._end()

    def _end(self, send: bool = True) -> None:
        """Take the next step: ask all to end, or less kindly."""
        number = next(self._steps, signal.SIGKILL)
        self._deadline = time.monotonic() + _PATIENCE
        for child in self._children if send else []:
            child.popen.send_signal(number)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Signals arrive as bytes on what is yielded, but for those that are ignored (nohup)."""
        read, write = socket.socketpair()
        write.setblocking(False)
        heard = [n for n in _ENDING if signal.getsignal(n) != signal.SIG_IGN]
        before = {n: signal.signal(n, lambda *_: None) for n in (*heard, signal.SIGCHLD)}
        former = signal.set_wakeup_fd(write.fileno())
        try:
            with read, write:
                yield read
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)


def run(processes: list[Process]) -> int:
    """Run processes until all have ended; return 0, or 1 if one has died or could not start.

    All are asked to end when one dies or ends that `ends_launch`, and at SIGINT, SIGTERM and
    SIGHUP: by SIGINT, after 5 s by SIGTERM, after 5 more by SIGKILL; another signal hastens.
    Should this very process be killed, the kernel kills them. Call it where no other thread runs.
    """
    launch = _Launch()
    launch.run(processes)
    return int(launch.failed)


def _die_with(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _at_terminal() -> bool:
    """Whether a terminal's Ctrl-C has gone to the children, too: to all of its group."""
    try:
        with open("/dev/tty") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _is_clean(code: int, asked: bool) -> bool:
    ended_by_signal = (-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM)
    return code == 0 or (asked and code in ended_by_signal)


def _epitaph(popen: "subprocess.Popen[bytes]", clean: bool) -> str:
    if clean:
        return f"process has finished cleanly [pid {popen.pid}]"
    code = popen.returncode
    how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    return f"process has died [pid {popen.pid}, {how}]"


def _say(level: str, who: str, what: str) -> None:
    print(f"[{level}] [{who}]: {what}", flush=True)
