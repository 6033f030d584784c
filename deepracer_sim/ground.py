"""The drawing of a track as seen from above: one picture for cameras, maps and Gazebo."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_sim.grey import Frame
from deepracer_sim.track import Track

Polygon = NDArray[np.float64]  # (k, 2), m

MARGIN = 1.5  # m of field between the track's outermost point and the walls
_FINEST_TEXEL = 0.0025  # m, about what a pixel covers just before the car
_MOST_TEXELS = 16e6
_GRAIN = 16  # shades of each woven surface
_CARPET = 5.0  # standard deviation of the shades, grey levels
_FIELD, _BORDER, _ROAD, _DASH = range(4)


@dataclass(frozen=True, eq=False)
class Ground:
    """A drawing of the floor between the walls.

    `index` (rows, columns) says which colour of `palette` (k, 3) a texel has. Row 0 is the lowest
    y: texel (row, column) covers `origin + texel * (column, row)`, in metres of the map frame,
    and one texel beyond.
    """

    index: Frame
    palette: Frame
    origin: tuple[float, float]
    texel: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The walls: lowest x, lowest y, highest x, highest y, m."""
        rows, columns = self.index.shape
        x, y = self.origin
        return x, y, x + columns * self.texel, y + rows * self.texel

    @property
    def image(self) -> Frame:
        """The drawing in colour, (rows, columns, 3) RGB."""
        return self.palette[self.index]


def draw_ground(track: Track, texel: float | None = None) -> Ground:
    """Draw a track at `texel` metres a pixel (None: as fine as 16 million texels allow)."""
    border = np.concatenate([track.left_border, track.right_border])
    low, high = border.min(axis=0) - MARGIN, border.max(axis=0) + MARGIN
    if texel is None:
        texel = max(_FINEST_TEXEL, math.sqrt(float(np.prod(high - low)) / _MOST_TEXELS))
    columns, rows = (int(size) for size in np.ceil((high - low) / texel))
    surfaces = np.full((rows, columns), _FIELD, np.uint8)
    for surface, inset in ((_BORDER, 0.0), (_ROAD, track.style.border_width)):
        for quad in _band(track, inset):
            _fill(surfaces, quad, low, texel, surface)
    for dash in dashes(track):
        _fill(surfaces, dash, low, texel, _DASH)
    index = surfaces * np.uint8(_GRAIN) + _weave(rows, columns)
    return Ground(index, _palette(track), (float(low[0]), float(low[1])), texel)


def _band(track: Track, inset: float) -> NDArray[np.float64]:
    """The road as quadrilaterals (n, 4, 2), `inset` metres narrower on either side."""
    left, right = track.left_width - inset, track.right_width - inset
    return strip(track, np.maximum(left, 0.0), -np.maximum(right, 0.0))


def strip(track: Track, left: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """The floor between two lines along the track, as quadrilaterals (n, 4, 2), clockwise.

    `left` and `right` say how far left of the centre the lines are at each vertex, (n,) or one.
    """
    a, b = (track.pose(track.s[:-1], lateral)[:, :2] for lateral in (left, right))
    return np.stack([a, np.roll(a, -1, 0), np.roll(b, -1, 0), b], axis=1)


def dashes(track: Track) -> NDArray[np.float64]:
    """The dashes of the centre line as polygons (n, 6, 2), clockwise; none for a width of 0."""
    style = track.style
    if style.dash_width <= 0.0:
        return np.empty((0, 6, 2))
    count = max(1, round(track.length / (style.dash_length + style.dash_gap)))
    period = track.length / count
    length = period * style.dash_length / (style.dash_length + style.dash_gap)
    along = np.arange(count)[:, None] * period + np.array([0.0, 0.5, 1.0, 1.0, 0.5, 0.0]) * length
    across = np.array([1, 1, 1, -1, -1, -1]) * style.dash_width / 2
    return track.pose(along, np.broadcast_to(across, along.shape))[..., :2]


def _fill(image: Frame, polygon: Polygon, low: Polygon, texel: float, index: int) -> None:
    """Fill one convex polygon given in metres."""
    corners = np.round((polygon - low) / texel * 16 - 8).astype(np.int32)  # 1/16 pixel
    cv2.fillConvexPoly(image, corners, (index,), cv2.LINE_8, 4)


def _weave(rows: int, columns: int) -> Frame:
    """A carpet's grain: shades 0.._GRAIN - 1 of a small patch, repeated."""
    patch = np.random.default_rng(0).normal(0.0, 1.0, (512, 512))
    patch = cv2.GaussianBlur(np.pad(patch, 16, mode="wrap"), (0, 0), 1.2)[16:-16, 16:-16]
    shades = np.clip(np.rint((patch / patch.std() / 2 + 1) * _GRAIN / 2), 0, _GRAIN - 1)
    repeats = -(-rows // 512), -(-columns // 512)
    return np.tile(shades.astype(np.uint8), repeats)[:rows, :columns]


def _palette(track: Track) -> Frame:
    """_GRAIN shades of each surface, (4 * _GRAIN, 3) RGB; paint is even, carpet is not."""
    style = track.style
    colours = np.array([style.field, style.border, style.road, style.dash], np.float64)
    shades = (np.arange(_GRAIN) / _GRAIN * 2 - 1) * 2 * _CARPET
    carpet = np.array([1.0, 0.0, 1.0, 0.0])
    palette = colours[:, None, :] + carpet[:, None, None] * shades[None, :, None]
    return np.clip(np.rint(palette), 0, 255).astype(np.uint8).reshape(-1, 3)
