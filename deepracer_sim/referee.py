"""The referee: where each car is on the track, how far it came, and when its episode ends.

The rules are those of the DeepRacer simulator, so that rewards and results compare with it.
A car drives in direction +1 (the track's own) or -1 (the other way round). What is said of a car
(`s`, left and right, waypoint numbers) is said of the track in the direction that it drives.
"""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_sim.car import DT, CarParameters, CarStates
from deepracer_sim.track import Array, Track, wrap_angle

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Complex = NDArray[np.complex128]

FRONT = 0.14  # m, from base_link to the point that is judged
STREAK = 15  # consecutive steps backwards, or without motion, that end an episode
STANDSTILL = 0.0003  # m a step: this little counts as no motion
ADVANCE = 0.05  # of a lap, from one episode's start to the next one's
_BEHIND_AHEAD = np.array([-1, 0])


class Status(IntEnum):
    """How an episode stands. The order is that of precedence: a later one yields to an earlier."""

    IN_PROGRESS = 0
    TIME_UP = 1
    LAP_COMPLETE = 2
    CRASHED = 3
    OFF_TRACK = 4
    REVERSED = 5
    IMMOBILIZED = 6

    @property
    def label(self) -> str:
        """DeepRacer's own words: "Lap complete", "Off track", ..."""
        return self.name.replace("_", " ").capitalize()


class Verdict(NamedTuple):
    """What the referee says of n cars after a step: (n,) arrays. SI units; progress in percent."""

    x: Array  # m, of the front point, FRONT ahead of base_link
    y: Array
    yaw: Array  # rad, in [-pi, pi)
    s: Array  # m, arc length of the front point from the start line, in [0, track length)
    lateral: Array  # m, of the front point from the centre line, left positive
    track_width: Array  # m, at the front point
    is_left_of_center: Bools  # the left border is nearer than the right one
    closest_waypoints: Ints  # (n, 2) behind and ahead, into the closed list (last = first)
    all_wheels_on_track: Bools
    is_offtrack: Bools  # no wheel on the track
    is_reversed: Bools  # drives in direction -1
    progress_pct: Array  # of the lap since the episode's start; at most 100
    steps: Ints  # since the episode's start; 1 after the first
    time: Array  # s since the episode's start
    sim_time: Array  # s since the referee began
    steering_angle: Array  # rad, as commanded, left positive
    speed: Array  # m/s, as commanded
    status: Ints  # values of Status

    @property
    def distance_from_center(self) -> Array:
        """(n,) distance of the front point from the centre line, m."""
        return np.abs(self.lateral)


class Starts(NamedTuple):
    """Where episodes start: arc length (k,) in driving direction, m, and direction (k,) +-1."""

    s: Array
    direction: Ints


def plan_starts(
    episodes: ArrayLike, track: Track, *, clockwise: bool = False, alternate: bool = False
) -> Starts:
    """Return the starts of episodes by number (k,), counted over all cars from 0.

    Round robin as in DeepRacer's training: each starts 5 % of the lap after the one before.
    clockwise: all drive in direction -1. alternate: every other one drives the other way.
    """
    number = np.asarray(episodes, dtype=np.int64)
    around = round(1.0 / ADVANCE)
    direction = np.full(number.shape, -1 if clockwise else 1)
    if alternate:
        direction = np.where(number % 2 == 1, -direction, direction)
    return Starts(number % around / around * track.length, direction)


class Referee:
    """Judges n cars on one track. One `judge` is one control period."""

    def __init__(
        self, track: Track, n: int, car: CarParameters, time_limit: float = math.inf
    ) -> None:
        """Start n episodes at the start line. `time_limit`, s, is what ends one as TIME_UP."""
        self.track = track
        self._time_limit = time_limit
        self._points = _body_points(car, n)
        waypoint_s = np.append(track.waypoint_s, track.length)
        self._waypoint_s = (waypoint_s, track.length - waypoint_s[::-1])  # forward, reversed
        self._clock = 0  # steps judged so far
        self._steps = np.zeros(n, dtype=np.int64)
        self._direction = np.ones(n, dtype=np.int64)
        self._start_s = np.zeros(n)  # m, in driving direction
        self._progress = self._progress_before = np.zeros(n)  # percent
        self._position = self._position_before = np.zeros(n, dtype=np.complex128)  # x + iy, m
        self._backwards = self._still = np.zeros(n, dtype=np.int64)  # consecutive steps
        self.reset(np.arange(n))

    def reset(self, cars: Ints, start_s: ArrayLike = 0.0, direction: ArrayLike = 1) -> Array:
        """Begin new episodes for some cars (k,) and return where to put them, poses (k, 3).

        start_s: (k,) arc length in driving direction, m. direction: (k,) +1 or -1.
        """
        self._start_s[cars] = start_s
        self._direction[cars] = direction
        self._steps[cars] = 0
        return self._go_on(cars, np.zeros(len(cars)), self._pose(cars, self._start_s[cars], 0.0))

    def put_back(self, cars: Ints) -> Array:
        """Return where cars (k,) that left the track go on, poses (k, 3); the episode continues.

        The middle of the nearer lane, at the progress of the step before (DeepRacer's rule).
        """
        progress = self._progress_before[cars]
        s = self._start_s[cars] + progress / 100.0 * self.track.length
        width = self.track.width(self._direction[cars] * s)
        left, right = (self._pose(cars, s, w) for w in (0.5 * width.left, -0.5 * width.right))
        before = self._position_before[cars]
        to_left, to_right = (np.abs(_as_complex(pose) - before) for pose in (left, right))
        poses = np.where((to_left <= to_right)[:, None], left, right)
        return self._go_on(cars, progress, poses)

    def judge(self, states: CarStates, commands: Array) -> Verdict:
        """Judge the cars' states after a step under commands (n, 2): steering rad, speed m/s."""
        self._clock += 1
        self._steps += 1
        position = states.x + 1j * states.y
        points = _to_world(self._points, position, states.yaw)
        located = self.track.locate(points)
        left, right = self.track.width(located.s)
        on_track = (located.lateral <= left) & (-located.lateral <= right)
        wheels_on = on_track[:, 1:].sum(axis=1)
        is_offtrack = wheels_on == 0
        left, right, lateral = left[:, 0], right[:, 0], located.lateral[:, 0]  # front points
        s = np.mod(self._direction * located.s[:, 0], self.track.length)
        progress = self._update_progress(s)
        self._update_streaks(position)
        time = self._steps.astype(np.float64) * DT
        return Verdict(
            x=points[:, 0, 0],
            y=points[:, 0, 1],
            yaw=wrap_angle(states.yaw),
            s=s,
            lateral=self._direction * lateral,
            track_width=left + right,
            is_left_of_center=self._direction * (2.0 * lateral - left + right) > 0.0,
            closest_waypoints=self._closest_waypoints(s),
            all_wheels_on_track=wheels_on == 4,
            is_offtrack=is_offtrack,
            is_reversed=self._direction < 0,
            progress_pct=progress,
            steps=self._steps.copy(),
            time=time,
            sim_time=np.full(len(s), self._clock * DT),
            steering_angle=commands[:, 0].copy(),
            speed=commands[:, 1].copy(),
            status=self._status(progress, is_offtrack, time),
        )

    def _go_on(self, cars: Ints, progress: Array, poses: Array) -> Array:
        """Let some cars (k,) go on from standing at poses (k, 3), which are returned."""
        for values, new in (
            ((self._progress, self._progress_before), progress),
            ((self._position, self._position_before), _as_complex(poses)),
            ((self._backwards, self._still), 0),
        ):
            for value in values:
                value[cars] = new
        return poses

    def _pose(self, cars: Ints, s: Array, lateral: ArrayLike) -> Array:
        """Return poses (k, 3) for s (k,) in driving direction, lateral in the track's own."""
        direction = self._direction[cars]
        poses = self.track.pose(direction * s, lateral)
        poses[:, 2] = wrap_angle(poses[:, 2] + np.where(direction > 0, 0.0, np.pi))
        return poses

    def _update_progress(self, s: Array) -> Array:
        """Return progress (n,) in percent since the start; it does not jump at the start line."""
        self._progress_before = np.where(self._progress < 100.0, self._progress, 0.0)
        progress = 100.0 * (s - self._start_s) / self.track.length
        self._progress = unwrap_progress(progress, self._progress_before)
        return self._progress.copy()

    def _update_streaks(self, position: Complex) -> None:
        """Count consecutive steps of decreasing progress, and of standing still at (n,)."""
        self._position_before, self._position = self._position, position
        moved = np.abs(position - self._position_before)
        self._backwards = (self._backwards + 1) * (self._progress < self._progress_before)
        self._still = (self._still + 1) * (moved <= STANDSTILL)

    def _closest_waypoints(self, s: Array) -> Ints:
        """Return (n, 2) numbers of the waypoints behind and ahead of s (n,)."""
        forward, backward = (w.searchsorted(s, side="right") for w in self._waypoint_s)
        ahead = np.where(self._direction > 0, forward, backward)
        ahead = np.minimum(ahead, len(self._waypoint_s[0]) - 1)  # s may round up to the length
        return ahead[:, None] + _BEHIND_AHEAD

    def _status(self, progress: Array, is_offtrack: Bools, time: Array) -> Ints:
        """Return the values of Status (n,); the last assignment takes precedence."""
        status = np.full(len(progress), Status.IN_PROGRESS, dtype=np.int64)
        status[self._still >= STREAK] = Status.IMMOBILIZED
        status[self._backwards >= STREAK] = Status.REVERSED
        status[is_offtrack] = Status.OFF_TRACK
        status[progress >= 100.0] = Status.LAP_COMPLETE
        status[time > self._time_limit] = Status.TIME_UP
        return status


def unwrap_progress(progress_pct: Array, before_pct: Array) -> Array:
    """Return progress (n,), known up to whole laps, as it follows that of the step before.

    DeepRacer's rule: into (0, 100], then a lap more or less where it would jump by over 50, at
    most 100. Driving back over the start makes it negative.
    """
    progress = progress_pct + 100.0 * (progress_pct <= 0.0)
    progress += 100.0 * (before_pct > progress + 50.0)
    progress -= 100.0 * (progress > before_pct + 50.0)
    return np.minimum(progress, 100.0)


def _body_points(car: CarParameters, n: int) -> Complex:
    """Return (n, 5) points x + iy in the car's frame: the front point, then the four wheels."""
    axle = 0.5 * np.broadcast_to(car.wheelbase, n)
    side = 0.5 * np.broadcast_to(car.track_width, n)
    front = np.full(n, FRONT, dtype=np.complex128)
    wheels = (axle + 1j * side, axle - 1j * side, -axle + 1j * side, -axle - 1j * side)
    return np.stack((front, *wheels), axis=1)


def _as_complex(poses: Array) -> Complex:
    """Return the positions x + iy, (k,), of poses (k, 3)."""
    return poses[:, 0] + 1j * poses[:, 1]


def _to_world(points: Complex, position: Complex, yaw: Array) -> Array:
    """Return points (n, m), given in the frames of cars at `position` and `yaw`, as (n, m, 2)."""
    moved = position[:, None] + np.exp(1j * yaw)[:, None] * points
    return moved.view(np.float64).reshape(*moved.shape, 2)
