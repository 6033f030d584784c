"""The car: a single-track model with lag, delay and limited grip, many cars at once."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numba
import numpy as np
import yaml
from numpy.typing import NDArray

from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

Array = NDArray[np.float64]

DT = 1 / 15  # s, control period: one camera frame
GRAVITY = 9.81  # m/s^2
_SUBSTEPS = 4
_HISTORY = 5  # commands kept, newest first: delays up to four control periods


class CarStates(NamedTuple):
    """Motion of n cars, each (n,). The pose is base_link: midway between the axles."""

    x: Array  # m
    y: Array  # m
    yaw: Array  # rad, unwrapped
    speed: Array  # m/s, forward
    lateral_speed: Array  # m/s, left positive
    yaw_rate: Array  # rad/s
    steering_angle: Array  # rad, of the road wheels, left positive


@dataclass(frozen=True, eq=False)
class CarParameters:
    """One car, or n cars: every value is a float or an (n,) array. SI units."""

    wheelbase: float | Array
    track_width: float | Array
    wheel_radius: float | Array
    length: float | Array
    width: float | Array
    mass: float | Array
    max_steering_angle: float | Array
    max_speed: float | Array
    friction: float | Array
    steering_gain: float | Array
    steering_lag: float | Array
    speed_lag: float | Array
    delay: float | Array


def load_car(profile: str = "aws_sim") -> CarParameters:
    """Return a profile of config/car.yaml. Raises UserError for an unknown profile."""
    path = share_directory() / "config" / "car.yaml"
    data = yaml.safe_load(path.read_text())
    if profile not in data["profiles"]:
        known = ", ".join(data["profiles"])
        raise UserError(f"{path}: no car profile {profile!r}. Choose one of: {known}.")
    values = {**data["common"], **data["profiles"][profile]}
    values["max_steering_angle"] = math.radians(values.pop("max_steering_angle_deg"))
    return CarParameters(**values)


class Cars:
    """n cars on a plane, advanced together by one control period per step."""

    def __init__(self, parameters: CarParameters, n: int) -> None:
        """Place n cars at the origin, at rest."""
        self._parameters = np.empty((n, len(_DYNAMIC)))
        for column, name in enumerate(_DYNAMIC):
            self._parameters[:, column] = getattr(parameters, name)
        self._limits = np.stack(
            [
                np.broadcast_to(parameters.max_steering_angle, n),
                np.broadcast_to(parameters.max_speed, n),
            ],
            axis=1,
        )
        self._states = np.zeros((n, len(CarStates._fields)))
        self._history = np.zeros((n, _HISTORY, 2))

    @property
    def state(self) -> CarStates:
        """The present states, as copies."""
        return CarStates(*self._states.T.copy())

    def reset(self, cars: NDArray[np.integer], poses: Array) -> None:
        """Put some cars, by index (k,), at rest at poses (k, 3): x, y, yaw."""
        self._states[cars] = 0.0
        self._states[cars, :3] = poses
        self._history[cars] = 0.0

    def step(self, commands: Array) -> CarStates:
        """Advance DT under commands (n, 2): steering angle rad left positive, speed m/s."""
        if not np.isfinite(commands).all():
            raise ValueError("commands must be finite")
        self._history[:, 1:] = self._history[:, :-1]
        self._history[:, 0] = np.clip(commands, -self._limits, self._limits)
        _advance(self._states, self._history, self._parameters, DT)
        return self.state


_DYNAMIC = ("wheelbase", "friction", "steering_gain", "steering_lag", "speed_lag", "delay")


@numba.njit(cache=True)
def _advance(states, history, parameters, dt):
    step = dt / _SUBSTEPS
    for i in range(states.shape[0]):
        x, y, yaw, speed, _, _, angle = states[i]
        wheelbase, friction, gain, steering_lag, speed_lag, delay = parameters[i]
        grip = friction * GRAVITY
        rate = 0.0
        for k in range(_SUBSTEPS):
            age = (delay - (k + 0.5) * step) / dt
            past = min(max(int(math.ceil(age)), 0), _HISTORY - 1)
            angle += (gain * history[i, past, 0] - angle) * -math.expm1(-step / steering_lag)
            change = (history[i, past, 1] - speed) * -math.expm1(-step / speed_lag)
            rate = speed * math.tan(angle) / wheelbase
            demand = math.hypot(change / step, speed * rate)
            if demand > grip:
                change *= grip / demand
                rate *= grip / demand
            middle = yaw + 0.5 * rate * step
            forward = speed + 0.5 * change
            side = 0.5 * wheelbase * rate
            x += (forward * math.cos(middle) - side * math.sin(middle)) * step
            y += (forward * math.sin(middle) + side * math.cos(middle)) * step
            yaw += rate * step
            speed += change
        states[i] = x, y, yaw, speed, 0.5 * wheelbase * rate, rate, angle
