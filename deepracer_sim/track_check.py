"""What a track must be like so that the car can drive it: wide, gentle and clear of itself."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from deepracer_sim.car import load_car
from deepracer_sim.errors import UserError
from deepracer_sim.track import Array, Track, wrap_angle

MAX_LENGTH = 200.0  # m; DeepRacer's longest track has 89 m
MAX_WIDTH = 5.0  # m
# Waypoints are coarse, so turns are measured over a stretch: a kink of 10 deg is no hairpin.
TURN_WINDOW = 0.3  # m
# Where vertices are 0.2 m apart, as in some official routes, bends show as corners of 20 deg.
MAX_CORNER = math.radians(50.0)
# The inner corner of some official tracks is a point; allow what the window makes of that.
FOLD_TOLERANCE = 0.05  # m


class CarLimits(NamedTuple):
    """What a track must leave room for, in m."""

    width: float
    min_radius: float


class Turns(NamedTuple):
    """Turns all along the lap, each (n,): place, radius, and width on the inner side, m."""

    s: Array
    radius: Array
    inner_width: Array


class Approach(NamedTuple):
    """Two places on the lap, m, and how far apart the road's edges are between them."""

    s: tuple[float, float]
    clearance: float


@cache
def car_limits() -> CarLimits:
    """Width of the car and the radius at full steering: wheelbase / tan(angle)."""
    car = load_car()
    return CarLimits(
        float(car.width), float(car.wheelbase) / math.tan(float(car.max_steering_angle))
    )


def check_track(track: Track, where: str) -> None:
    """Check that the car can drive a track.

    Raises UserError with the place and the number; `where` is the file, in messages.
    """
    check_length(track.length, where)
    _check_width(track, where)
    _check_corners(track, where)
    _check_turns(track, where)
    _check_clearance(track, where)


def check_length(length: float, where: str) -> None:
    """Refuse a lap that is too long (or not a number) before work is done on it."""
    if not length <= MAX_LENGTH:
        raise UserError(f"{where}: the lap is {length:.0f} m long, at most {MAX_LENGTH:.0f} m.")


def turns(track: Track) -> Turns:
    """Measure the turn radius along the lap, over windows of TURN_WINDOW."""
    steps = 6
    count = max(steps + 1, math.ceil(track.length * steps / TURN_WINDOW))
    spacing = track.length / count
    s = np.arange(count) * spacing
    heading = track.heading(s)
    bend = wrap_angle(np.roll(heading, -1) - heading)
    turn = np.sum([np.roll(bend, -k) for k in range(steps)], axis=0)
    middle = np.mod(s + 0.5 * steps * spacing, track.length)
    radius = steps * spacing / np.maximum(np.abs(turn), 1e-9)
    left, right = track.width(middle)
    return Turns(middle, radius, np.where(turn > 0.0, left, right))


def closest_approach(track: Track) -> Approach:
    """Find where the road comes nearest to another part of itself.

    Parts count as different when more of the lap lies between them than the half circle of the
    tightest U-turn, the one about the road's edge (so the clearance is 0.57 widths at most). The
    lap is looked at every 0.1 m, which is good for 6 mm.
    """
    count = max(8, math.ceil(track.length / 0.1))
    s = np.arange(count) * (track.length / count)
    x, y, yaw = track.pose(s).T
    left, right = track.width(s)
    dx, dy = x - x[:, None], y - y[:, None]  # [i, j]: from i to j
    on_left = np.cos(yaw)[:, None] * dy > np.sin(yaw)[:, None] * dx
    half_width = np.where(on_left, left[:, None], right[:, None])  # of i, on the side of j
    width = half_width + half_width.T
    apart = np.abs(track.wrap(s - s[:, None])) > 0.5 * np.pi * width
    clearance = np.where(apart, np.hypot(dx, dy) - width, np.inf)
    i, j = np.unravel_index(np.argmin(clearance), clearance.shape)
    return Approach((float(s[i]), float(s[j])), float(clearance[i, j]))


def _check_width(track: Track, where: str) -> None:
    width = track.left_width + track.right_width
    for k in (int(np.argmin(width)), int(np.argmax(width))):
        if not car_limits().width <= width[k] <= MAX_WIDTH:
            raise UserError(
                f"{where}: the road is {width[k]:.3f} m wide {_place(track, track.s[k])}; "
                f"it should be from {car_limits().width:.3f} m (the car) to {MAX_WIDTH:.0f} m wide."
            )


def _check_corners(track: Track, where: str) -> None:
    """Refuse corners: radii are measured along the heading, which a corner turns at once."""
    steps = track.center - np.roll(track.center, 1, axis=0)
    yaw = np.arctan2(steps[:, 1], steps[:, 0])
    corner = np.abs(wrap_angle(np.roll(yaw, -1) - yaw))
    k = int(np.argmax(corner))
    if corner[k] > MAX_CORNER:
        raise UserError(
            f"{where}: the centre line has a corner of {math.degrees(corner[k]):.0f} deg "
            f"{_place(track, track.s[k])}; at most {math.degrees(MAX_CORNER):.0f} deg."
        )


def _check_turns(track: Track, where: str) -> None:
    s, radius, inner_width = turns(track)
    sharp = int(np.argmin(radius))
    if radius[sharp] < car_limits().min_radius:
        raise UserError(
            f"{where}: a turn of radius {radius[sharp]:.3f} m {_place(track, s[sharp])} is tighter "
            f"than the car can steer ({car_limits().min_radius:.3f} m)."
        )
    folded = int(np.argmin(radius - inner_width))
    if radius[folded] < inner_width[folded] - FOLD_TOLERANCE:
        raise UserError(
            f"{where}: the turn {_place(track, s[folded])} is too tight for so wide a road: its "
            f"radius is {radius[folded]:.3f} m, the inner edge is {inner_width[folded]:.3f} m from "
            "the centre line. Make the radius larger or the road narrower."
        )


def _check_clearance(track: Track, where: str) -> None:
    (first, second), clearance = closest_approach(track)
    if clearance < 0.0:
        raise UserError(
            f"{where}: the road crosses or overlaps itself by {-clearance:.3f} m: "
            f"{_place(track, first)} and {_place(track, second)}."
        )


def _place(track: Track, s: float) -> str:
    x, y, _ = track.pose(s)
    return f"at {s:.2f} m of the lap (x {x:.2f}, y {y:.2f})"
