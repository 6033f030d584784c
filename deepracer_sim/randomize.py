"""Domain randomisation: cars, cameras and pictures that differ from one episode to the next.

A driver that has learned with many cars drives one that it has never met: another simulator's, or
the real one. One line a quantity; what is called a factor goes with the nominal value, the others
are added to it.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.camera import Camera
from deepracer_sim.car import MAX_DELAY, CarParameters
from deepracer_sim.errors import UserError
from deepracer_sim.looks import SURFACES, Looks

Array = NDArray[np.float64]
Draw = dict[str, Array]

OFF, MILD, STRONG = PRESETS = "off", "mild", "strong"
CAMERAS = 32  # that a world has prepared beside the nominal one; a car gets one of them


class U(NamedTuple):
    """The uniform distribution from low to high."""

    low: float
    high: float


class Quantity(NamedTuple):
    """What one quantity is: as it stands without randomisation, and its distributions with it."""

    off: float
    mild: U
    strong: U


_DEG = math.radians(1.0)

# fmt: off
# Factors, on what the car's profile says.
_CAR = {
    "friction":         Quantity(1.0, U(0.80, 1.20), U(0.60, 1.80)),
    "steering_gain":    Quantity(1.0, U(0.90, 1.10), U(0.80, 1.30)),
    "steering_lag":     Quantity(1.0, U(0.70, 1.20), U(0.10, 1.30)),
    "steering_kick":    Quantity(1.0, U(0.50, 1.50), U(0.00, 2.00)),
    "speed_lag":        Quantity(1.0, U(0.70, 1.30), U(0.50, 2.50)),
    "max_acceleration": Quantity(1.0, U(0.80, 1.20), U(0.60, 1.60)),
}
_DRIVE = {
    "delay":            Quantity(0.0, U(0.00, 0.03), U(0.00, 0.10)),  # s
    "steering_trim":    Quantity(0.0, U(-1.5 * _DEG, 1.5 * _DEG), U(-4.0 * _DEG, 4.0 * _DEG)),
    "speed_gain":       Quantity(1.0, U(0.90, 1.10), U(0.75, 1.20)),  # factor, on commands
}
_CAMERA = {
    "x":                Quantity(0.0, U(-0.005, 0.005), U(-0.015, 0.015)),  # m
    "z":                Quantity(1.0, U(0.95, 1.05), U(0.88, 1.10)),  # factor
    "pitch":            Quantity(0.0, U(-1.5 * _DEG, 1.5 * _DEG), U(-4.0 * _DEG, 4.0 * _DEG)),
    "horizontal_fov":   Quantity(1.0, U(0.98, 1.02), U(0.95, 1.05)),  # factor
}
_PICTURE = {
    "yaw":              Quantity(0.0, U(-1.0 * _DEG, 1.0 * _DEG), U(-3.0 * _DEG, 3.0 * _DEG)),
    "light":            Quantity(1.0, U(0.70, 1.20), U(0.40, 1.50)),  # factor
    "field":            Quantity(0.0, U(-15.0, 15.0), U(-40.0, 40.0)),  # grey levels, as below
    "border":           Quantity(0.0, U(-15.0, 15.0), U(-40.0, 40.0)),
    "road":             Quantity(0.0, U(-15.0, 15.0), U(-30.0, 40.0)),
    "dash":             Quantity(0.0, U(-15.0, 15.0), U(-40.0, 40.0)),
    "wall":             Quantity(0.0, U(-15.0, 50.0), U(-20.0, 200.0)),
    "sky":              Quantity(0.0, U(-50.0, 50.0), U(-170.0, 70.0)),
    "blur":             Quantity(0.0, U(0.00, 0.25), U(0.00, 0.33)),  # see sensor.py
    "noise":            Quantity(0.0, U(0.00, 6.00), U(0.00, 15.0)),  # standard deviation
    "dropped":          Quantity(0.0, U(0.00, 0.03), U(0.00, 0.15)),  # of all frames
}
# fmt: on
QUANTITIES = _CAR | _DRIVE | _PICTURE  # of a car, drawn for every episode


def check_preset(preset: str) -> str:
    """Return the name of a preset. Raises UserError for a name that is none."""
    if preset not in PRESETS:
        raise UserError(f"randomize must be one of {', '.join(PRESETS)}, found {preset!r}.")
    return preset


def draw(preset: str, n: int, random: np.random.Generator) -> Draw:
    """Draw QUANTITIES for n cars, (n,) each, and `camera`: the number of the one they carry."""
    drawn = _draw(QUANTITIES, preset, n, random)
    if preset == OFF:
        return drawn | {"camera": np.zeros(n)}
    return drawn | {"camera": random.integers(1, CAMERAS + 1, n).astype(np.float64)}


def draw_cameras(camera: Camera, preset: str, random: np.random.Generator) -> list[Camera]:
    """Cameras that are mounted a little otherwise than the nominal one, CAMERAS of them."""
    drawn = _draw(_CAMERA, preset, CAMERAS, random)
    return [
        replace(camera, x=camera.x + x, z=camera.z * z, pitch=camera.pitch + pitch,
                horizontal_fov=camera.horizontal_fov * fov)
        for x, z, pitch, fov in zip(*drawn.values(), strict=True)
    ]  # fmt: skip


def car_drawn(car: CarParameters, drawn: Draw) -> CarParameters:
    """The cars (n,) that are meant by what was drawn."""
    values = {name: getattr(car, name) * drawn[name] for name in _CAR}
    return replace(car, **values, delay=np.minimum(car.delay + drawn["delay"], MAX_DELAY))


def commands_drawn(commands: Array, drawn: Draw) -> Array:
    """What steering and motor make of commands (n, 2): steering angle rad, speed m/s."""
    angle, speed = commands.T
    return np.stack([angle + drawn["steering_trim"], speed * drawn["speed_gain"]], axis=-1)


def looks_drawn(drawn: Draw) -> Looks:
    """How the cars see."""
    paint = np.stack([drawn[name] for name in SURFACES], axis=-1)
    return Looks(drawn["camera"].astype(np.int64), drawn["light"], paint)


def _draw(
    quantities: dict[str, Quantity], preset: str, n: int, random: np.random.Generator
) -> Draw:
    if preset == OFF:
        return {name: np.full(n, quantity.off) for name, quantity in quantities.items()}
    chosen: dict[str, U] = {name: getattr(row, preset) for name, row in quantities.items()}
    return {name: random.uniform(low, high, n) for name, (low, high) in chosen.items()}
