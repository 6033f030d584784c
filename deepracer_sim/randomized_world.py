"""The embedded world with domain randomisation."""

import numpy as np

from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters, CarStates, check_commands
from deepracer_sim.ground import Frame
from deepracer_sim.looks import Looks
from deepracer_sim.randomize import (
    OFF,
    car_drawn,
    check_preset,
    commands_drawn,
    draw,
    draw_cameras,
    looks_drawn,
)
from deepracer_sim.sensor import spoil
from deepracer_sim.track import Track
from deepracer_sim.world import Array, EmbeddedWorld, Indices, single

Seed = int | tuple[int, ...]


def embedded_world(
    track: Track,
    n: int,
    car: CarParameters | None = None,
    camera: Camera | None = None,
    randomize: str = OFF,
    seed: Seed = 0,
) -> EmbeddedWorld:
    """An embedded world, randomised as the preset says. Raises UserError for an unknown one."""
    if check_preset(randomize) == OFF:
        return EmbeddedWorld(track, n, car, camera)
    return RandomizedWorld(track, n, car, camera, randomize, seed)


class RandomizedWorld(EmbeddedWorld):
    """An embedded world in which every reset gives a car other properties, and other eyes.

    `car` and `camera` are the nominal ones.
    """

    def __init__(
        self,
        track: Track,
        n: int,
        car: CarParameters | None,
        camera: Camera | None,
        preset: str,
        seed: Seed,
    ) -> None:
        """Place n cars at rest on the start line. None means the default car and camera."""
        self._preset = preset
        self._random = np.random.default_rng(seed)
        self._drawn = draw(OFF, n, self._random)
        self._seen = np.zeros((n, 3))  # the poses from which the present frames were taken
        self._grain = np.zeros(n, np.int64)  # and their noise
        super().__init__(track, n, car, camera)
        self._renderer.mount(draw_cameras(self.camera, preset, self._random))

    def reset(self, cars: Indices, poses: Array, nominal: bool = False) -> None:
        """Put some cars (k,) at rest at poses (k, 3), as other cars than before."""
        super().reset(cars, poses)
        drawn = draw(OFF if nominal else self._preset, len(cars), self._random)
        for name, values in drawn.items():
            self._drawn[name][cars] = values
        self._cars.become(car_drawn(self.car, self._drawn))
        self._take_frames(cars)

    def step(self, commands: Array) -> CarStates:
        """Advance all cars by one control period under commands (n, 2)."""
        check_commands(commands, self.n)
        self._cars.step(commands_drawn(single(commands), self._drawn))
        dropped = self._random.random(self.n) < self._drawn["dropped"]
        self._take_frames(np.flatnonzero(~dropped))
        return self.states

    def frames(self, cars: Indices | None = None) -> Frame:
        """Grey frames (k, h, w) of all cars, or of some (k,)."""
        cars = np.arange(self.n) if cars is None else cars
        frames = self._renderer.grey(self._seen[cars], self._looks(cars))
        self._spoil(frames, cars)
        return frames

    def frames_rgb(self, cars: Indices | None = None) -> Frame:
        """Colour frames (k, h, w, 3) of all cars, or of some (k,)."""
        cars = np.arange(self.n) if cars is None else cars
        frames = self._renderer.rgb(self._seen[cars], self._looks(cars))
        channels = np.ascontiguousarray(np.moveaxis(frames, -1, 0))
        for channel in channels:
            self._spoil(channel, cars)
        return np.ascontiguousarray(np.moveaxis(channels, 0, -1))

    def _take_frames(self, cars: Indices) -> None:
        """Let the cameras of some cars look anew; the others show the frame before again."""
        self._seen[cars] = self._poses(cars)
        self._seen[cars, 2] += self._drawn["yaw"][cars]
        self._grain[cars] = self._random.integers(0, 1 << 16, len(cars))

    def _looks(self, cars: Indices) -> Looks:
        return looks_drawn({name: values[cars] for name, values in self._drawn.items()})

    def _spoil(self, frames: Frame, cars: Indices) -> None:
        spoil(frames, self._drawn["blur"][cars], self._drawn["noise"][cars], self._grain[cars])
