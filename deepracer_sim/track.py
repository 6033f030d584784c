"""Track geometry in four verbs: pose at a distance, locate a point, heading, width."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Style:
    """How a track looks. Colours are (r, g, b) in 0..255, lengths are in m.

    The defaults are read off frames of the DeepRacer simulator. The white border line lies inside
    the track: its outer edge is the track's edge. A dash width of 0 means no centre line.
    """

    road: Color = (42, 54, 71)
    field: Color = (109, 155, 119)
    border: Color = (222, 222, 216)
    dash: Color = (222, 138, 8)
    wall: Color = (14, 28, 33)
    sky: Color = (178, 178, 178)
    border_width: float = 0.05
    dash_length: float = 0.05
    dash_gap: float = 0.05
    dash_width: float = 0.025


class Located(NamedTuple):
    """Where points are on a track: arc length `s` in [0, length) and `lateral`, left positive."""

    s: Array
    lateral: Array


class Width(NamedTuple):
    """Distance from the centre line to the left and to the right edge, m."""

    left: Array
    right: Array


@dataclass(frozen=True, eq=False)
class Track:
    """A closed track, seen in driving direction. Lengths in m, angles in rad.

    center: (n, 2) closed polyline; its first vertex is on the start line and not repeated.
    left_width, right_width: (n,) centre to left and right edge at each vertex.
    waypoints: (w, 2) what reward functions see, not repeated; each one is a vertex of `center`.
    """

    name: str
    center: Array
    left_width: Array
    right_width: Array
    waypoints: Array
    style: Style = field(default_factory=Style)

    @cached_property
    def s(self) -> Array:
        """(n + 1,) arc length at each vertex; the last entry is the lap length."""
        return np.concatenate(([0.0], np.cumsum(self._segments.length)))

    @cached_property
    def length(self) -> float:
        """Length of one lap along the centre line."""
        return float(self.s[-1])

    @cached_property
    def waypoint_s(self) -> Array:
        """(w,) arc length at each waypoint: ascending, the first is 0."""
        return self.locate(self.waypoints).s

    @cached_property
    def left_border(self) -> Array:
        """(n, 2) left edge beside each vertex."""
        return self.center + self.left_width[:, None] * self._normals

    @cached_property
    def right_border(self) -> Array:
        """(n, 2) right edge beside each vertex."""
        return self.center - self.right_width[:, None] * self._normals

    @property
    def is_counter_clockwise(self) -> bool:
        """Whether the lap turns left in sum (area under the polygon, shoelace formula)."""
        x, y = self.center.T
        return bool(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) > 0.0)

    def pose(self, s: ArrayLike, lateral: ArrayLike = 0.0) -> Array:
        """Return (..., 3) x, y, yaw at arc lengths `s` (they wrap), `lateral` to the left."""
        s, lateral = np.broadcast_arrays(np.mod(s, self.length), lateral)
        yaw = self.heading(s)
        x = np.interp(s, self.s, self._closed_center[:, 0]) - lateral * np.sin(yaw)
        y = np.interp(s, self.s, self._closed_center[:, 1]) + lateral * np.cos(yaw)
        return np.stack((x, y, yaw), axis=-1)

    def locate(self, xy: ArrayLike) -> Located:
        """Return the nearest point of the centre polyline for (..., 2) points.

        Points that are not finite give NaN.
        """
        return _project(xy, self._segments)

    def heading(self, s: ArrayLike) -> Array:
        """Return (...,) direction of the centre line in [-pi, pi], smooth between vertices."""
        yaw = np.interp(np.mod(s, self.length), self.s, self._headings)
        return wrap_angle(yaw)

    def width(self, s: ArrayLike) -> Width:
        """Return the distances from the centre line to both edges at arc lengths `s`."""
        s = np.mod(s, self.length)
        left, right = (np.append(w, w[0]) for w in (self.left_width, self.right_width))
        return Width(np.interp(s, self.s, left), np.interp(s, self.s, right))

    def wrap(self, ds: ArrayLike) -> Array:
        """Return the signed shortest way along the loop, within half a lap either way."""
        half = 0.5 * self.length
        return np.mod(np.asarray(ds, dtype=np.float64) + half, self.length) - half

    def reversed(self) -> "Track":
        """Return the track driven the other way round: same start line, sides swapped."""
        return replace(
            self,
            center=_backwards(self.center),
            left_width=_backwards(self.right_width),
            right_width=_backwards(self.left_width),
            waypoints=_backwards(self.waypoints),
        )

    @cached_property
    def _closed_center(self) -> Array:
        return np.concatenate((self.center, self.center[:1]))

    @cached_property
    def _segments(self) -> "_Segments":
        return _segments_of(self.center)

    @cached_property
    def _headings(self) -> Array:
        """(n + 1,) heading at each vertex, unwrapped: that of the circle through three vertices."""
        segments = self._segments
        after = np.unwrap(np.arctan2(segments.dy, segments.dx))
        turn = wrap_angle(after - np.roll(after, 1))
        before_length = np.roll(segments.length, 1)
        vertex = after - turn * segments.length / (segments.length + before_length)
        # The last entry closes the loop: a whole lap adds the whole turn, +-2 pi on a simple loop.
        return np.append(vertex, vertex[0] + np.sum(turn))

    @cached_property
    def _normals(self) -> Array:
        """(n, 2) unit vector to the left at each vertex."""
        yaw = self._headings[:-1]
        return np.stack((-np.sin(yaw), np.cos(yaw)), axis=-1)


def nearest_on_loop(loop: Array, xy: ArrayLike) -> Located:
    """Return the nearest point of a closed polyline (n, 2) for (..., 2) points."""
    return _project(xy, _segments_of(loop))


def wrap_angle(angle: Array) -> Array:
    """Return the same directions in [-pi, pi]."""
    return np.mod(angle + np.pi, 2.0 * np.pi) - np.pi


def _backwards(rows: Array) -> Array:
    """Reverse the order of a closed loop's rows; the first row stays the first."""
    return np.roll(rows[::-1], 1, axis=0)


class _Segments(NamedTuple):
    """Segments of a closed polyline, each (n,): start, unit direction, length."""

    x: Array
    y: Array
    dx: Array
    dy: Array
    length: Array


def _segments_of(loop: Array) -> _Segments:
    x, y = np.ascontiguousarray(loop.T)
    dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
    length = np.hypot(dx, dy)
    return _Segments(x, y, dx / length, dy / length, length)


def _project(xy: ArrayLike, segments: _Segments) -> Located:
    points = np.asarray(xy, dtype=np.float64)
    s, lateral = _project_kernel(np.ascontiguousarray(points.reshape(-1, 2)), segments)
    return Located(s.reshape(points.shape[:-1]), lateral.reshape(points.shape[:-1]))


@njit(cache=True)
def _project_kernel(points: Array, segments: _Segments) -> tuple[Array, Array]:
    """Project (m, 2) points onto the closed polyline: (m,) arc length, (m,) signed distance."""
    x, y, dx, dy, length = segments
    end = np.cumsum(length)
    s = np.full(len(points), np.nan)
    lateral = np.full(len(points), np.nan)
    square = np.empty(len(x))  # squared distance to each segment
    for k in range(len(points)):
        px, py = points[k]
        for i in range(len(x)):
            rx, ry = px - x[i], py - y[i]
            along = min(max(rx * dx[i] + ry * dy[i], 0.0), length[i])
            rx -= along * dx[i]
            ry -= along * dy[i]
            square[i] = rx * rx + ry * ry
        n = np.argmin(square)
        if np.isfinite(square[n]):
            rx, ry = px - x[n], py - y[n]
            s[k] = end[n] - length[n] + min(max(rx * dx[n] + ry * dy[n], 0.0), length[n])
            lateral[k] = np.copysign(np.sqrt(square[n]), dx[n] * ry - dy[n] * rx)
            if s[k] >= end[-1]:  # the end of the last segment is the start of the lap
                s[k] = 0.0
    return s, lateral
