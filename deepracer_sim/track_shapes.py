"""Centre lines from what people write down: straights and arcs, or points on a smooth curve."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deepracer_sim.track import Array

# DeepRacer's re:Invent 2018 route has a waypoint every 0.15 m (118 on 17.7 m).
WAYPOINT_SPACING = 0.15
VERTICES_PER_WAYPOINT = 4


class Segment(NamedTuple):
    """A piece of constant curvature: length in m, curvature in 1/m (left positive, 0 straight)."""

    length: float
    curvature: float


class Pose(NamedTuple):
    """x, y in m and heading in rad."""

    x: float
    y: float
    heading: float


def count_samples(length: float) -> int:
    """Return how many vertices, about 4 cm apart, make a whole number of waypoints on a lap."""
    return VERTICES_PER_WAYPOINT * max(3, round(length / WAYPOINT_SPACING))


def end_of_segments(start: Pose, segments: Sequence[Segment]) -> Pose:
    """Return the pose at the end of the last segment, heading not wrapped."""
    for segment in segments:
        start = Pose(*_advance(start, segment.curvature, np.array(segment.length)).tolist())
    return start


def sample_segments(start: Pose, segments: Sequence[Segment]) -> Array:
    """Return (n, 2) vertices, uniformly along the closed lap.

    What the segments miss of closing is spread over the lap: first the heading as a small constant
    curvature, then the position in proportion to the distance driven.
    """
    length = sum(segment.length for segment in segments)
    turn = end_of_segments(start, segments).heading - start.heading
    excess = turn - math.copysign(2.0 * math.pi, turn)
    bent = [Segment(piece.length, piece.curvature - excess / length) for piece in segments]
    gap = np.subtract(end_of_segments(start, bent)[:2], start[:2])
    s = np.linspace(0.0, length, count_samples(length), endpoint=False)
    return _positions(start, bent, s) - np.outer(s / length, gap)


def _positions(start: Pose, segments: Sequence[Segment], s: Array) -> Array:
    points = np.empty((len(s), 2))
    begin = 0.0
    for segment in segments:
        ahead = s >= begin
        points[ahead] = _advance(start, segment.curvature, s[ahead] - begin)[:, :2]
        start = end_of_segments(start, [segment])
        begin += segment.length
    return points


def _advance(start: Pose, curvature: float, distance: Array) -> Array:
    """Drive along a circle: (..., 3) x, y, heading after the distances (...,).

    The chord is distance * sin(a) / a long and points along heading + a, a being half the turn.
    """
    half_turn = 0.5 * curvature * distance
    chord = distance * np.sinc(half_turn / np.pi)
    direction = start.heading + half_turn
    x = start.x + chord * np.cos(direction)
    y = start.y + chord * np.sin(direction)
    return np.stack((x, y, direction + half_turn), axis=-1)


def sample_curve(rows: Array) -> Array:
    """Return (n, 4) rows uniformly along the smooth closed curve through (k, 4) rows, k >= 3.

    Columns: x, y, left and right width; the widths change linearly between the given points.
    """
    closed = np.vstack((rows, rows[:1]))
    knots = _arc_lengths(closed[:, :2])
    slopes = _spline_slopes(closed[:, :2], np.diff(knots))
    # 50 chords between two points: they are shorter than the curve by less than 0.1 %.
    fine = np.interp(np.arange(50 * len(rows) + 1) / 50, np.arange(len(knots)), knots)
    s = _arc_lengths(_hermite(closed[:, :2], slopes, knots, fine))
    t = np.interp(np.linspace(0.0, s[-1], count_samples(s[-1]), endpoint=False), s, fine)
    widths = [np.interp(t, knots, closed[:, column]) for column in (2, 3)]
    return np.column_stack((_hermite(closed[:, :2], slopes, knots, t), *widths))


def _arc_lengths(points: Array) -> Array:
    steps = np.diff(points, axis=0)
    return np.concatenate(([0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))


def _spline_slopes(closed: Array, h: Array) -> Array:
    """Slopes (k + 1, 2) at the knots that make the periodic cubic spline twice differentiable.

    de Boor, A Practical Guide to Splines, chapter 4: one row per knot, with h the knot spacing:
    d[i-1] / h[i-1] + 2 d[i] (1 / h[i-1] + 1 / h[i]) + d[i+1] / h[i] = 3 (secant / h, both sides).
    """
    k = len(h)
    after, before = 1.0 / h, np.roll(1.0 / h, 1)
    rows = np.arange(k)
    matrix = np.zeros((k, k))
    matrix[rows, rows] = 2.0 * (before + after)
    matrix[rows, (rows - 1) % k] += before
    matrix[rows, (rows + 1) % k] += after
    secants = np.diff(closed, axis=0) * after[:, None] ** 2
    slopes = np.linalg.solve(matrix, 3.0 * (secants + np.roll(secants, 1, axis=0)))
    return np.vstack((slopes, slopes[:1]))


def _hermite(values: Array, slopes: Array, knots: Array, t: Array) -> Array:
    """Evaluate the cubic that has `values` and `slopes` (k + 1, 2) at the knots, at t (m,)."""
    i = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2)
    h = (knots[i + 1] - knots[i])[:, None]
    u = (t - knots[i])[:, None] / h
    v = 1.0 - u
    return v * v * ((1.0 + 2.0 * u) * values[i] + u * h * slopes[i]) + u * u * (
        (1.0 + 2.0 * v) * values[i + 1] - v * h * slopes[i + 1]
    )
