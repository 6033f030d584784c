"""Cars on one or several worlds, driven and judged as one batch."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from deepracer_sim.car import CarStates
from deepracer_sim.ground import Frame
from deepracer_sim.referee import Referee, Starts, Verdict, plan_starts
from deepracer_sim.track import Track
from deepracer_sim.world import Array, Indices, World


class Fleet:
    """n cars, numbered through over all worlds; each world has its own track and referee."""

    def __init__(
        self,
        worlds: Sequence[World],
        *,
        time_limit: float = math.inf,
        clockwise: bool = False,
        alternate: bool = False,
        round_robin: bool = True,
    ) -> None:
        """Put every car at its first start.

        time_limit: s, what ends an episode as TIME_UP. clockwise: drive the tracks against their
        own direction. alternate: every other episode goes the other way. round_robin: each
        episode starts 5 % of the lap further on, else all start on the line.
        """
        self.worlds = worlds
        self.n = sum(world.n for world in worlds)
        self._referees = [Referee(w.track, w.n, w.car, time_limit) for w in worlds]
        self._ends = np.cumsum([world.n for world in worlds])  # a world's cars end before this
        self._directions = {"clockwise": clockwise, "alternate": alternate}
        self._round_robin = round_robin
        # worlds in other processes simulate at the same time
        self._pool = ThreadPoolExecutor(len(worlds)) if len(worlds) > 1 else None
        self._begin(0)

    @property
    def tracks(self) -> list[Track]:
        """The track of each car, (n,)."""
        return [world.track for world in self.worlds for _ in range(world.n)]

    def restart_all(self, episode: int = 0, nominal: bool = False) -> None:
        """Begin new episodes for all cars, counting the starts on each track from `episode`.

        nominal: these episodes are not randomised.
        """
        self._begin(episode, nominal)

    def restart(self, cars: Indices, nominal: bool = False) -> None:
        """Begin new episodes for some cars (k,), at the next starts of their tracks."""
        for world, referee, number, own in self._split(cars):
            starts = self._plan(number, len(own))
            world.reset(own, referee.reset(own, *starts), nominal)

    def next_lap(self, cars: Indices) -> None:
        """Judge cars (k,) anew from the start line on, without stopping them."""
        direction = -1 if self._directions["clockwise"] else 1
        for _, referee, _, own in self._split(cars):
            referee.reset(own, 0.0, direction)

    def put_back(self, cars: Indices) -> None:
        """Put cars (k,) that left the track back on it; their episodes go on."""
        for world, referee, _, own in self._split(cars):
            world.reset(own, referee.put_back(own))

    def step(self, commands: Array) -> Verdict:
        """Advance all cars one control period under commands (n, 2): rad, m/s."""
        parts = np.split(commands, self._ends[:-1])
        states = (self._pool.map if self._pool else map)(_step, self.worlds, parts)
        verdicts = [
            referee.judge(state, part)
            for referee, state, part in zip(self._referees, states, parts, strict=True)
        ]
        if len(verdicts) == 1:
            return verdicts[0]
        return Verdict._make(np.concatenate(field) for field in zip(*verdicts, strict=True))

    def by_track(self, verdict: Verdict) -> list[tuple[Track, Verdict]]:
        """A verdict on all cars, taken apart into tracks and the verdicts on their cars."""
        begins = np.concatenate([[0], self._ends[:-1]])
        return [
            (world.track, Verdict._make(field[begin:end] for field in verdict))
            for world, begin, end in zip(self.worlds, begins, self._ends, strict=True)
        ]

    def frames(self, cars: Indices | None = None) -> Frame:
        """What the cameras see, grey (k, h, w), of all cars or of some (k,), ascending."""
        cars = np.arange(self.n) if cars is None else cars
        parts = [world.frames(own) for world, _, _, own in self._split(cars)]
        parts = parts or [self.worlds[0].frames(cars)]  # no cars: no frames, but of their size
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def close(self) -> None:
        """Close the worlds."""
        for world in self.worlds:
            world.close()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, episode: int, nominal: bool = False) -> None:
        self._episodes = [episode] * len(self.worlds)  # begun on each world
        self.restart(np.arange(self.n), nominal)

    def _plan(self, world: int, count: int) -> Starts:
        """The starts of the next `count` episodes on a world."""
        first = self._episodes[world]
        self._episodes[world] += count
        numbers = np.arange(first, first + count)
        starts = plan_starts(numbers, self.worlds[world].track, **self._directions)
        return starts if self._round_robin else Starts(np.zeros(count), starts.direction)

    def _split(self, cars: Indices) -> list[tuple[World, Referee, int, Indices]]:
        """Which worlds hold these cars, and the cars' numbers there."""
        world_of = np.searchsorted(self._ends, cars, side="right")
        begins = np.concatenate([[0], self._ends])
        return [
            (self.worlds[k], self._referees[k], k, cars[world_of == k] - begins[k])
            for k in np.unique(world_of)
        ]


def _step(world: World, commands: Array) -> CarStates:
    return world.step(commands)
