"""One headless Gazebo server with one car, and the conversation with it.

The conversation goes through a socket pair of which the server inherits one end, not through
Gazebo's topics: a request and its answer are one message each, so nothing arrives out of order or
is lost, and either side notices at once when the other is gone.
"""

import logging
import socket
import struct
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import Installation, writing
from deepracer_sim.gazebo.processes import (
    Log,
    Process,
    check_window,
    complaint,
    ended,
    free_port,
    start_display,
    start_server,
    start_window,
)
from deepracer_sim.grey import Frame

_START_LIMIT = 60.0  # s, for a slow machine; known faults are found sooner, in the log
_ANSWER_LIMIT = 30.0  # s
_REQUEST = struct.Struct("<q3d")
_ANSWER = struct.Struct("<q8d")
# What the server says, and then lives on without a car that answers.
_FAULTS = ("Rendering will be disabled", "Unable to create CameraSensor", "Failed to load plugin")


class Motion(NamedTuple):
    """What the server says of the car. Speeds are those of base_link, in its own frame."""

    steps: int  # of physics, since the server's start
    x: float  # m
    y: float  # m
    yaw: float  # rad, in [-pi, pi]
    speed: float  # m/s
    lateral_speed: float  # m/s
    yaw_rate: float  # rad/s
    left_angle: float  # rad, of the front wheels
    right_angle: float


class Answer(NamedTuple):
    """The car after a request, and what its camera sees then: (height, width, 3)."""

    motion: Motion
    frame: Frame


class Server:
    """A running server. After the first answer, which comes unasked, `ask` and `answer` alternate.

    Its programs end with the thread that started them, however that ends.
    """

    def __init__(
        self, installation: Installation, world: Path, size: tuple[int, int], port: int = 0
    ) -> None:
        """Begin to serve a world file whose camera has width x height pixels.

        The file is below `installation.temporary`. Port 0 is any free one. Raises UserError where
        the port is in use, or no display or log can be had.
        """
        self.port = free_port(port)
        self._installation, self._world = installation, world
        self._width, self._height = size
        self._processes: list[Process] = []
        self._failed = False
        self._window: tuple[Process, Log] | None = None
        with writing("Gazebo's log"):
            self._log = tempfile.NamedTemporaryFile(  # noqa: SIM115
                prefix="gazebo-", suffix=".log", delete=False
            )
        self._socket, client = socket.socketpair()
        try:
            with client:
                process, display = start_display(installation, self._log)
                self._processes.append(process)
                process = start_server(installation, world, display, self.port, client, self._log)
                self._processes.append(process)
        except BaseException:  # Ctrl-C, too: no program is left behind
            self.close()
            raise

    def show(self) -> None:
        """Open Gazebo's window, which may be closed again.

        A display that cannot be opened shows a second later: `ask` tells of it.
        """
        path = self._world.with_name("window.log")
        with writing(path), path.open("wb") as log:
            window = start_window(self._installation, self._world, self.port, log)
        self._processes.insert(0, window)
        self._window = window, log

    @property
    def process_ids(self) -> list[int]:
        """The running programs: window if any, display and, last, Gazebo itself."""
        return [process.pid for process in self._processes]

    def ask(self, steps: int, values: tuple[float, float, float]) -> None:
        """Ask for physics steps in which to reach left and right steering angle and speed.

        0 steps: to put the car, at rest, at x, y, yaw. Raises UserError when the server has died,
        and when the window cannot open the display.
        """
        if self._window and self._window[0].poll() is not None:
            self._window_ended(*self._window)
        try:
            self._socket.sendall(_REQUEST.pack(steps, *values))
        except OSError as error:
            raise self._end() from error

    def first_answer(self) -> Answer:
        """Wait until the world is complete. Raises UserError when the server cannot serve it."""
        deadline = time.monotonic() + _START_LIMIT
        self._socket.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                self._socket.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                self._check_log()
            else:
                return self.answer()
        raise self._failure(f"was not ready after {_START_LIMIT:.0f} s")

    def answer(self) -> Answer:
        """Wait for the answer. Raises UserError when the server has died or does not answer."""
        self._socket.settimeout(_ANSWER_LIMIT)
        motion = Motion(*_ANSWER.unpack(self._receive(_ANSWER.size)))
        pixels = self._receive(self._width * self._height * 3)
        frame = np.frombuffer(pixels, np.uint8).reshape(self._height, self._width, 3)
        return Answer(motion, frame)

    def close(self) -> None:
        """End the server's programs and wait for it. The log remains only after a failure."""
        self._socket.close()
        for process in self._processes:
            process.kill()
            process.wait()
        self._log.close()
        if not self._failed:
            Path(self._log.name).unlink(missing_ok=True)

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = self._socket.recv_into(view)
            except TimeoutError as error:
                raise self._failure(f"did not answer for {_ANSWER_LIMIT:.0f} s") from error
            except OSError as error:
                raise self._end() from error
            if not count:
                raise self._end()
            view = view[count:]
        return data

    def _check_log(self) -> None:
        text = Path(self._log.name).read_text(errors="replace")
        complete = text.rpartition("\n")[0]  # lines are written word by word
        for fault in _FAULTS:
            if fault in complete:
                raise self._failure("cannot serve the world")

    def _window_ended(self, window: Process, log: Log) -> None:
        self._window = None
        self._processes.remove(window)
        if warning := check_window(window, log):
            logging.getLogger(__name__).warning(warning)

    def _end(self) -> UserError:
        return self._failure(f"has ended{ended(self._processes[-1])}")

    def _failure(self, what: str) -> UserError:
        self._failed = True
        return UserError(f"Gazebo {what}: {complaint(self._log)} All it said: {self._log.name}")
