"""Lockstep: a world that takes a step, or puts cars back, only when it is asked to.

A request carries who asks (`client`), its own running number and the life of the world that it
believes to talk to (`session`). The same request again is given the same answer, and nothing moves
twice. A request to an earlier life of the world is only told of the present one.
"""

import random
from typing import NamedTuple

import numpy as np

from deepracer_sim.car import CarStates
from deepracer_sim.world import Array, Indices, World

COMMANDS = "steering_angle,speed"  # columns of a step: rad, m/s
POSES = "car,x,y,yaw"  # columns of a reset: number, m, m, rad
NOMINAL_POSES = "nominal_car,x,y,yaw"  # of one without randomisation
STATES = ",".join(CarStates._fields)
LARGEST_ID = 2**24 - 1


class Header(NamedTuple):
    """Says which request this is, or answers."""

    session: int
    client: int
    number: int


class Request(NamedTuple):
    """What a client asks for: a step of all cars (columns COMMANDS), or a reset (the others)."""

    header: Header
    columns: str
    values: Array


class Answer(NamedTuple):
    """How it is now."""

    header: Header
    states: Array  # (n, 7)
    cars: Indices | None  # whose frames belong to it, in this order; None: nothing was done


def new_id() -> int:
    """A number that no other client, or life of a world, has: random, above 0."""
    return random.SystemRandom().randint(1, LARGEST_ID)


class Lockstep:
    """Answers requests with a world."""

    def __init__(self, world: World) -> None:
        """Serve a world; its life begins now."""
        self.session = new_id()
        self.steps = 0  # taken
        self._world = world
        self._last: Answer | None = None

    def answer(self, request: Request) -> Answer:
        """Do what is asked, once. Raises ValueError for a request that makes no sense."""
        header = request.header
        if header.session != self.session:
            return Answer(header._replace(session=self.session), self._states(), None)
        if self._last is None or self._last.header != header:
            cars = self._do(request.columns, request.values)
            self._last = Answer(header, self._states(), cars)
        return self._last

    def _do(self, columns: str, values: Array) -> Indices:
        """Move the cars; return which were moved."""
        if not np.isfinite(values).all():
            raise ValueError("numbers must be finite")
        if columns == COMMANDS:
            self._world.step(values)
            self.steps += 1
            return np.arange(self._world.n)
        if columns not in (POSES, NOMINAL_POSES) or values.shape[1:] != (4,):
            known = f"{COMMANDS!r}, {POSES!r} and {NOMINAL_POSES!r}"
            raise ValueError(f"the columns are {columns!r}; known are {known}")
        if not np.isin(values[:, 0], np.arange(self._world.n)).all():
            raise ValueError(f"there are {self._world.n} cars, asked for are {values[:, 0]}")
        cars = values[:, 0].astype(np.int64)
        self._world.reset(cars, values[:, 1:], columns == NOMINAL_POSES)
        return cars

    def _states(self) -> Array:
        return np.stack(self._world.states, axis=-1)
