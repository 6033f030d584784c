"""Drives a lap, and what a car should not do, through a reward function before training does."""

import time
from typing import NamedTuple

import numpy as np

from deepracer_agent.reward_file import Params
from deepracer_agent.rewards import Reward, reward_params
from deepracer_sim.car import DT, Cars, load_car
from deepracer_sim.referee import Ints, Referee, Status, Verdict
from deepracer_sim.track import Array, Track, wrap_angle

_SPEED = 1.0  # m/s, slow enough for any corner that a track may have
_LOOK_AHEAD = 0.5  # m, to the point that the car steers at
_PATIENCE = 3.0  # times as long as a lap should take
_SLOW_CALL = 1e-3  # s; training makes thousands of calls a second


class Probe(NamedTuple):
    """One way to drive: beside the centre line, at a speed, along the track or against it."""

    name: str
    beside: float = 0.0  # as a fraction of the way from the centre line to the left edge
    speed: float = _SPEED  # m/s
    direction: int = 1  # -1 against the driving direction


PROBES = (
    Probe("centre line"),
    Probe("off-centre", beside=0.5),
    Probe("off the track", beside=2.0),
    Probe("standing still", speed=0.0),
    Probe("backwards", direction=-1),
)


class Seen(NamedTuple):
    """What the function paid on one probe, step by step, until the rules ended it."""

    probe: Probe
    status: Status
    rewards: Array  # (steps,)


class Report(NamedTuple):
    """What the check saw; `example` is what the function was given half way round."""

    seen: tuple[Seen, ...]  # in the order of PROBES
    seconds_per_call: float
    example: Params


def check_reward(reward: Reward, track: Track) -> Report:
    """Drive all probes, one car each, and record what the function pays. Raises RewardError."""
    driver = _Driver(track)
    status = np.full(len(PROBES), Status.IN_PROGRESS, dtype=np.int64)
    paid: list[Array] = []
    counts = np.zeros(len(PROBES), dtype=np.int64)
    durations: list[float] = []
    examples: list[Params] = []
    while np.any(status == Status.IN_PROGRESS) and len(paid) < _longest(track):
        verdict = driver.step()
        examples.append(reward_params(verdict, track)[0])
        params = reward_params(verdict, track)
        begin = time.perf_counter()
        paid.append(reward(params))
        durations.append((time.perf_counter() - begin) / len(PROBES))
        counts += status == Status.IN_PROGRESS
        status = np.where(status == Status.IN_PROGRESS, verdict.status, status)
        driver.restart(np.flatnonzero(verdict.status != Status.IN_PROGRESS))
    rewards = np.array(paid).T
    seen = tuple(
        Seen(probe, Status(int(ended)), row[:count])
        for probe, ended, row, count in zip(PROBES, status, rewards, counts, strict=True)
    )
    return Report(seen, float(np.median(durations)), examples[counts[0] // 2])


def warnings(report: Report) -> list[str]:
    """Return what training with this function would suffer from, in words."""
    lap, _, off_track, still, backwards = report.seen
    if np.ptp(np.concatenate([s.rewards for s in report.seen])) == 0.0:
        return [f"The reward never changes (always {lap.rewards[0]:g}): there is nothing to learn."]
    mean = float(lap.rewards.mean())
    found = []
    for name, seen in (("Standing still", still), ("Driving backwards", backwards)):
        pay = float(seen.rewards.mean())
        if pay > 0.0 and pay >= 0.5 * mean:
            found.append(
                f"{name} pays {pay:.3g} a step and driving along the track {mean:.3g}: "
                "nothing asks the car to get on."
            )
    if off_track.rewards[-1] >= mean:
        found.append(
            f"Leaving the track pays {off_track.rewards[-1]:.3g} and staying on it {mean:.3g} a "
            "step: nothing keeps the car on the track."
        )
    worst = max((off_track, still, backwards), key=lambda seen: float(seen.rewards.sum()))
    if worst.rewards.sum() > lap.rewards.sum():
        found.append(
            f"A lap pays {lap.rewards.sum():.3g} in all and '{worst.probe.name}' "
            f"{worst.rewards.sum():.3g}: the car may learn to end its episodes early."
        )
    if report.seconds_per_call > _SLOW_CALL:
        found.append(
            f"A call takes {1e3 * report.seconds_per_call:.1f} ms: training would mostly wait for "
            "it. Compute once, outside of the function, what stays the same."
        )
    return found


class _Driver:
    """Steers one car for each probe at a point ahead of it (pure pursuit)."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._car = load_car()
        self._beside = np.array([probe.beside for probe in PROBES])
        self._speed = np.array([probe.speed for probe in PROBES])
        self._direction = np.array([probe.direction for probe in PROBES])
        self._cars = Cars(self._car, len(PROBES))
        self._referee = Referee(track, len(PROBES), self._car)
        self.restart(np.arange(len(PROBES)))

    def restart(self, cars: Ints) -> None:
        """Put cars (k,) back on the start line, those of backward probes turned round."""
        poses = self._referee.reset(cars)
        poses[:, 2] += np.where(self._direction[cars] > 0, 0.0, np.pi)
        self._cars.reset(cars, poses)

    def step(self) -> Verdict:
        """Drive for one control period."""
        commands = np.stack((self._steering(), self._speed), axis=1)
        return self._referee.judge(self._cars.step(commands), commands)

    def _steering(self) -> Array:
        """Return the commands (n,) for the circle through the point ahead, rad."""
        states = self._cars.state
        s = self._track.locate(np.stack((states.x, states.y), axis=1)).s
        s = s + self._direction * _LOOK_AHEAD
        x, y, _ = self._track.pose(s, self._beside * self._track.width(s).left).T
        x, y = x - states.x, y - states.y
        curvature = 2.0 * np.sin(wrap_angle(np.arctan2(y, x) - states.yaw)) / np.hypot(x, y)
        return np.arctan(self._car.wheelbase * curvature) / self._car.steering_gain


def _longest(track: Track) -> float:
    """Return after how many steps a check gives up on a lap."""
    return _PATIENCE * track.length / (_SPEED * DT)
