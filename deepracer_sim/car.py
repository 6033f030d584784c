"""The car: a single-track model with lag, delay and limited grip, many cars at once.

Equations, parameters and how they were identified: docs/car_model.md.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.config import check_mapping, check_numbers, read_mapping
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

Array = NDArray[np.float64]

FARTHEST = 1e6  # m from the map's origin; from farther, the camera's rounding shows
DT = 1 / 15  # s, control period: one camera frame
GRAVITY = 9.81  # m/s^2
SUBSTEPS = 4  # 60 Hz, the rate of the DeepRacer simulator's joint controllers
HISTORY = 5  # commands kept, newest first: enough for MAX_DELAY
MAX_DELAY = 0.2  # s
KICK_CHANGE = math.radians(10)  # change of the commanded angle that gives the whole kick


class CarStates(NamedTuple):
    """Motion of n cars, each (n,). The pose is base_link: midway between the axles."""

    x: Array  # m
    y: Array  # m
    yaw: Array  # rad, counter-clockwise, not wrapped
    speed: Array  # m/s, forward
    lateral_speed: Array  # m/s, left positive
    yaw_rate: Array  # rad/s
    steering_angle: Array  # rad, of the road wheels, left positive


@dataclass(frozen=True, eq=False)
class CarParameters:
    """One kind of car, or n different cars: each value is a float or an (n,) array."""

    wheelbase: float | Array  # m, between the axles
    track_width: float | Array  # m, between left and right wheel centres
    wheel_radius: float | Array  # m
    length: float | Array  # m, body
    width: float | Array  # m, body
    mass: float | Array  # kg
    max_steering_angle: float | Array  # rad, of commands and of the road wheels
    max_speed: float | Array  # m/s, largest command
    friction: float | Array  # total acceleration is at most friction * g
    steering_gain: float | Array  # road-wheel angle in the end / commanded angle
    steering_lag: float | Array  # s, time constant of the servo
    steering_kick: float | Array  # rad, at once when the command changes by KICK_CHANGE or more
    speed_lag: float | Array  # s, time constant of the motor
    max_acceleration: float | Array  # m/s^2, of the motor, both ways
    delay: float | Array  # s, from command to servo and motor; more than MAX_DELAY acts as that


# Columns of the matrix that the kernel reads, in its order.
_DYNAMICS = (
    "wheelbase",
    "max_steering_angle",
    "max_speed",
    "friction",
    "steering_gain",
    "steering_lag",
    "steering_kick",
    "speed_lag",
    "max_acceleration",
    "delay",
)

# What config/car.yaml must hold (in common or in the profile) and the values that make sense.
_RANGES = {
    "wheelbase": (0.05, 1.0),
    "track_width": (0.05, 1.0),
    "wheel_radius": (0.01, 0.2),
    "length": (0.1, 2.0),
    "width": (0.05, 1.0),
    "mass": (0.1, 50.0),
    "max_steering_angle_deg": (1.0, 60.0),
    "max_speed": (0.1, 20.0),
    "friction": (0.05, 3.0),
    "steering_gain": (0.1, 1.5),
    "steering_lag": (0.001, 2.0),
    "steering_kick_deg": (0.0, 10.0),
    "speed_lag": (0.001, 5.0),
    "max_acceleration": (0.1, 50.0),
    "delay": (0.0, MAX_DELAY),
}


class Cars:
    """n cars on a plane, advanced together by one control period per step."""

    def __init__(self, parameters: CarParameters, n: int) -> None:
        """Place n cars at the origin, at rest. Arrays in parameters must be (n,)."""
        self._dynamics = dynamics_matrix(parameters, n)
        self._states = np.zeros((len(CarStates._fields), n))
        self._history = np.zeros((n, HISTORY, 2))

    @property
    def state(self) -> CarStates:
        """The present states (n,), as copies."""
        return CarStates(*self._states.copy())

    def reset(self, cars: NDArray[np.integer], poses: Array) -> None:
        """Put some cars, by index (k,), at rest at poses (k, 3): x m, y m, yaw rad.

        Raises ValueError, before any is moved, for poses that no camera could see from.
        """
        check_poses(poses)
        self._states[:, cars] = 0.0
        self._states[:3, cars] = np.asarray(poses, dtype=np.float64).T
        self._history[cars] = 0.0

    def become(self, parameters: CarParameters) -> None:
        """Go on as cars with other parameters, from where they are and as they move."""
        self._dynamics = dynamics_matrix(parameters, len(self._history))

    def step(self, commands: Array) -> CarStates:
        """Advance by DT under commands (n, 2): steering angle rad (left positive), speed m/s.

        Commands beyond the car's limits are clipped. Raises ValueError for commands that are
        not finite or not (n, 2).
        """
        check_commands(commands, len(self._history))
        advance(self._states, self._history, self._dynamics, np.asarray(commands, np.float64))
        return self.state


def check_poses(poses: Array) -> None:
    """Raise ValueError unless poses (k, 3) are finite and within FARTHEST."""
    if not (np.abs(poses) < FARTHEST).all():  # nor nan
        raise ValueError(f"poses must be finite and within {FARTHEST:g} m, found {poses}")


def check_commands(commands: Array, n: int) -> None:
    """Raise ValueError unless commands are those of n cars, (n, 2), and finite."""
    if np.shape(commands) != (n, 2):
        raise ValueError(f"commands must have shape ({n}, 2), found {np.shape(commands)}")
    if not np.isfinite(commands).all():
        raise ValueError("commands must be finite: steering angle rad, speed m/s")


def dynamics_matrix(parameters: CarParameters, n: int) -> Array:
    """Return the parameters of n cars as `advance` reads them: (n, number of them)."""
    matrix = np.empty((n, len(_DYNAMICS)))
    for column, name in enumerate(_DYNAMICS):
        matrix[:, column] = getattr(parameters, name)
    return matrix


@numba.njit(cache=True)
def advance(states: Array, history: Array, dynamics: Array, commands: Array) -> None:
    """Advance n cars in place by DT under commands (n, 2): steering angle rad, speed m/s.

    states (7, n) in the order of CarStates; history (n, HISTORY, 2) commands so far, newest first,
    zeros at rest; dynamics (n, p) of `dynamics_matrix`.
    """
    h = DT / SUBSTEPS
    for i in range(len(history)):
        # One by one: numba takes seconds to compile the unpacking of array slices.
        x, y, yaw, speed = states[0, i], states[1, i], states[2, i], states[3, i]
        rate, angle = states[5, i], states[6, i]
        wheelbase, max_angle, max_speed = dynamics[i, 0], dynamics[i, 1], dynamics[i, 2]
        grip, gain, steering_lag = dynamics[i, 3] * GRAVITY, dynamics[i, 4], dynamics[i, 5]
        kick, speed_lag, max_acceleration = dynamics[i, 6], dynamics[i, 7], dynamics[i, 8]
        delay = dynamics[i, 9]
        for k in range(HISTORY - 1, 0, -1):
            history[i, k, 0], history[i, k, 1] = history[i, k - 1, 0], history[i, k - 1, 1]
        history[i, 0, 0] = min(max(commands[i, 0], -max_angle), max_angle)
        history[i, 0, 1] = min(max(commands[i, 1], -max_speed), max_speed)
        turned = 1 - math.exp(-h / steering_lag)  # part of the way that a substep covers
        driven = (1 - math.exp(-h / speed_lag)) / h
        for substep in range(SUBSTEPS):
            old, new, share, entering = _delayed((substep + 1) * h - delay, h)
            before, after = history[i, old, 0], history[i, new, 0]
            jump = min(max((after - before) / KICK_CHANGE, -1.0), 1.0)
            wanted = gain * (before + share * (after - before))
            angle += (wanted - angle) * turned + entering * kick * jump
            angle = min(max(angle, -max_angle), max_angle)

            wanted = history[i, old, 1] + share * (history[i, new, 1] - history[i, old, 1])
            forward = min(max((wanted - speed) * driven, -max_acceleration), max_acceleration)
            rate = speed * math.tan(angle) / wheelbase
            fastest = max(abs(speed), abs(speed + forward * h))
            forward, held = _gripped(forward, fastest * rate, grip)
            rate *= held

            side = 0.5 * wheelbase * rate  # of base_link; the rear axle does not slide
            ahead = speed + 0.5 * forward * h
            middle = yaw + 0.5 * rate * h
            x += (ahead * math.cos(middle) - side * math.sin(middle)) * h
            y += (ahead * math.sin(middle) + side * math.cos(middle)) * h
            yaw += rate * h
            speed += forward * h
        states[0, i], states[1, i], states[2, i], states[3, i] = x, y, yaw, speed
        states[4, i], states[5, i], states[6, i] = 0.5 * wheelbase * rate, rate, angle


@numba.njit(cache=True)
def _delayed(end: float, h: float) -> tuple[int, int, float, float]:
    """Say which commands a substep of length h sees that ends `end` s after the newest one
    arrived at the car (negative: before).

    Returns the indices into the history of the older and the newer command, the share of the
    newer in the substep's mean, and by how much that share grew since the substep before.
    """
    new = 0 if end > 0 else int(math.floor(1 - end / DT))
    new = min(new, HISTORY - 2)
    share = (end + new * DT) / h
    return new + 1, new, min(max(share, 0.0), 1.0), max(0.0, 1 - abs(share - 1))


@numba.njit(cache=True)
def _gripped(forward: float, lateral: float, grip: float) -> tuple[float, float]:
    """Return the forward acceleration, and the part of the lateral one, that the tyres hold.

    The lateral force saturates smoothly towards grip; where both together exceed grip, both
    shrink alike, as a sliding tyre pulls against its slip. All in m/s^2.
    """
    demand = abs(lateral) / grip
    held = math.tanh(demand) / demand if demand > 0 else 1.0
    total = math.sqrt(forward * forward + held * held * lateral * lateral)
    if total > grip:
        forward *= grip / total
        held *= grip / total
    return forward, held


def load_car(profile: str = "aws_sim", path: Path | None = None) -> CarParameters:
    """Return a profile of config/car.yaml, or of another such file.

    Raises UserError for an unknown profile and for a file with a key missing or unknown, or
    with a value of the wrong type or out of range.
    """
    path = path or share_directory() / "config" / "car.yaml"
    data = read_mapping(path)
    profiles = check_mapping(data.get("profiles"), f"{path}, profiles")
    if profile not in profiles:
        known = ", ".join(map(str, profiles))
        raise UserError(f"{path}: no car profile {profile!r}. Choose one of: {known}.")
    where = f"{path}, car profile {profile}"
    values = check_mapping(data.get("common"), f"{path}, common")
    values = values | check_mapping(profiles[profile], where)
    check_numbers(values, _RANGES, where)
    return CarParameters(**{key.removesuffix("_deg"): _si(key, values[key]) for key in _RANGES})


def _si(key: str, value: float) -> float:
    return math.radians(value) if key.endswith("_deg") else float(value)
