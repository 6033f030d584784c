"""The seam: some cars on one track, advanced together by one control period.

Training, evaluation and races are written against `World` and cannot tell which one they have.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_sim.camera import Camera, Renderer, load_camera
from deepracer_sim.car import CarParameters, Cars, CarStates, load_car
from deepracer_sim.ground import Frame, draw_ground
from deepracer_sim.track import Track

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class World(Protocol):
    """What simulates. One step is one control period, 1/15 s.

    Poses, commands and states are rounded to single precision, which is what messages carry: so a
    world is the same, bit by bit, in this process and behind topics.
    """

    track: Track
    car: CarParameters
    camera: Camera
    n: int  # cars

    def reset(self, cars: Indices, poses: Array, nominal: bool = False) -> None:
        """Put some cars (k,) at rest at poses (k, 3): x m, y m, yaw rad of base_link.

        nominal: without randomisation until they are reset again, where there is any.
        """

    def step(self, commands: Array) -> CarStates:
        """Advance all cars under commands (n, 2): steering angle rad, speed m/s."""

    @property
    def states(self) -> CarStates:
        """The present states, (n,) each."""

    def frames(self, cars: Indices | None = None) -> Frame:
        """What the cameras see now: grey (k, h, w), of all cars or of some (k,)."""

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """The same in colour, (k, h, w, 3)."""

    def close(self) -> None:
        """Give back what the world holds; it is not used afterwards."""


def single(values: ArrayLike) -> Array:
    """Round to single precision; the result has double precision again."""
    return np.asarray(values, np.float32).astype(np.float64)


class EmbeddedWorld:
    """The world that runs inside this process: single-track cars, rendered cameras.

    The cars do not meet: each has the track for itself.
    """

    def __init__(
        self,
        track: Track,
        n: int = 1,
        car: CarParameters | None = None,
        camera: Camera | None = None,
    ) -> None:
        """Place n cars at rest on the start line. None means the default car and camera."""
        self.track = track
        self.n = n
        self.car = load_car() if car is None else car
        self.camera = load_camera() if camera is None else camera
        self._cars = Cars(self.car, n)
        self._renderer = Renderer(self.camera, draw_ground(track), track.style)
        self.reset(np.arange(n), np.broadcast_to(track.pose(0.0), (n, 3)))

    def reset(self, cars: Indices, poses: Array, nominal: bool = False) -> None:
        """Put some cars (k,) at rest at poses (k, 3); here they are always nominal."""
        self._cars.reset(cars, single(poses))

    def step(self, commands: Array) -> CarStates:
        """Advance all cars by one control period under commands (n, 2)."""
        self._cars.step(single(commands))
        return self.states

    @property
    def states(self) -> CarStates:
        """The present states, (n,) each."""
        return CarStates(*single(self._cars.state))

    def frames(self, cars: Indices | None = None) -> Frame:
        """Grey frames (k, h, w) of all cars, or of some (k,)."""
        return self._renderer.grey(self._poses(cars))

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """Colour frames (k, h, w, 3) of all cars, or of some (k,)."""
        return self._renderer.rgb(self._poses(cars))

    def close(self) -> None:
        """Nothing to give back."""

    def _poses(self, cars: Indices | None) -> Array:
        poses = np.stack(self._cars.state[:3], axis=-1)
        return poses if cars is None else poses[cars]
