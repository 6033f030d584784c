"""The real Gazebo behind the seam: each car drives in a server of its own."""

import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from deepracer_sim.camera import Camera, load_camera
from deepracer_sim.car import CarParameters, Cars, CarStates, load_car
from deepracer_sim.gazebo.folder import claim_folder
from deepracer_sim.gazebo.installation import find, library_folder
from deepracer_sim.gazebo.processes import check_display
from deepracer_sim.gazebo.sdf import STEPS, write_world
from deepracer_sim.gazebo.server import Answer, Server
from deepracer_sim.gazebo.wheels import middle_angle, outer_angles
from deepracer_sim.grey import Frame, grey
from deepracer_sim.track import Track, wrap_angle
from deepracer_sim.world import Array, Indices, single

_NEVER_SLIDES = 1e6  # friction
# Software renderers have no anisotropic filtering, and blur the distance in large pixels.
_FINER = 2  # rows and columns that are rendered for each of a frame


class GazeboWorld:
    """Cars in Gazebo 11, advanced in lockstep; a `World`.

    The servo and the motor are those of the embedded car, without the road: they say how the
    joints turn. What comes of it, tyres, weight and walls, is Gazebo's. One server for each car,
    so the cars do not meet. Close it; else the servers end with the thread that made the world.
    """

    def __init__(
        self,
        track: Track,
        n: int = 1,
        car: CarParameters | None = None,
        camera: Camera | None = None,
        *,
        gui: bool = False,
    ) -> None:
        """Start n servers, their cars at rest on the start line.

        None means the default car and camera; gui shows the first car in Gazebo's window. Raises
        UserError where Gazebo is missing or fails, and where there is no display for the window.
        """
        self.track = track
        self.n = n
        self.car = load_car() if car is None else car
        self.camera = load_camera() if camera is None else camera
        self._actuators = Cars(replace(self.car, friction=_NEVER_SLIDES), n)
        self._each_car = [_nth(self.car, i, n) for i in range(n)]
        self._states = np.zeros((len(CarStates._fields), n))
        self._frames = np.zeros((n, self.camera.height, self.camera.width, 3), np.uint8)
        self._stamps = np.zeros(n, np.int64)
        self._servers: list[Server] = []
        installation = find()
        if gui:
            check_display()
        library_folder(installation)  # compiled before anything is started
        self._broken = False
        folder, mark = claim_folder(installation.temporary)
        self._end = weakref.finalize(self, _end, self._servers, folder, mark)
        try:
            width, height = _FINER * self.camera.width, _FINER * self.camera.height
            finer = replace(self.camera, width=width, height=height)
            for i, own in enumerate(self._each_car):
                file = write_world(track, own, finer, folder / f"{i}")
                self._servers.append(Server(installation, file, (width, height)))
            for server in self._servers:
                server.first_answer()
            if gui:
                self._servers[0].show()
            self.reset(np.arange(n), np.broadcast_to(track.pose(0.0), (n, 3)))
        except BaseException:  # Ctrl-C, too: no server is left behind
            self.close()
            raise

    def reset(self, cars: Indices, poses: Array, nominal: bool = False) -> None:
        """Put some cars (k,) at rest at poses (k, 3); here they are always nominal."""
        cars = np.arange(self.n)[cars]
        poses = np.broadcast_to(single(poses), (len(cars), 3))
        self._actuators.reset(cars, poses)
        self._states[2, cars] = poses[:, 2]  # which whole turn is meant
        with self._exchange():
            for i, pose in zip(cars, poses, strict=True):
                self._servers[i].ask(0, (pose[0], pose[1], pose[2]))
            self._take_answers(cars)

    def step(self, commands: Array) -> CarStates:
        """Advance all cars by one control period under commands (n, 2)."""
        wanted = self._actuators.step(single(commands))
        with self._exchange():
            for i, server in enumerate(self._servers):
                angles = outer_angles(self._each_car[i], wanted.steering_angle[i])
                server.ask(STEPS, (*angles, wanted.speed[i]))
            self._take_answers(np.arange(self.n))
        return self.states

    @property
    def states(self) -> CarStates:
        """The present states, (n,) each."""
        return CarStates(*single(self._states))

    @property
    def stamps(self) -> Indices:
        """When the present frames were taken, (n,) in STEPS-ths of a control period."""
        return self._stamps.copy()

    def frames(self, cars: Indices | None = None) -> Frame:
        """Grey frames (k, h, w) of all cars, or of some (k,)."""
        return grey(self.frames_rgb(cars))

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """Colour frames (k, h, w, 3) of all cars, or of some (k,)."""
        return self._frames[np.arange(self.n) if cars is None else cars]

    def close(self) -> None:
        """End the servers and remove their files."""
        self._end()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Answers belong to the requests inside: where it is broken off, no later one would."""
        if self._broken:
            raise RuntimeError(
                "An exchange with Gazebo was broken off, by an error or Ctrl-C: close this world, "
                "and make a new one."
            )
        self._broken = True
        yield
        self._broken = False

    def _take_answers(self, cars: Indices) -> None:
        for i in cars:
            self._take(i, self._servers[i].answer())

    def _take(self, i: int, answer: Answer) -> None:
        motion = answer.motion
        turned = wrap_angle(np.array(motion.yaw - self._states[2, i]))
        angle = middle_angle(self._each_car[i], motion.left_angle, motion.right_angle)
        pose = motion.x, motion.y, self._states[2, i] + turned
        speeds = motion.speed, motion.lateral_speed, motion.yaw_rate
        self._states[:, i] = *pose, *speeds, angle  # in the order of CarStates
        size = self.camera.width, self.camera.height
        cv2.resize(answer.frame, size, self._frames[i], interpolation=cv2.INTER_AREA)
        self._stamps[i] = motion.steps


def _nth(car: CarParameters, i: int, n: int) -> CarParameters:
    """The i-th of n cars, with floats for parameters."""
    values = (np.broadcast_to(getattr(car, field.name), n)[i] for field in fields(car))
    return CarParameters(*map(float, values))


def _end(servers: list[Server], folder: Path, mark: IO[bytes]) -> None:
    for server in servers:
        server.close()
    shutil.rmtree(folder, ignore_errors=True)
    mark.close()
