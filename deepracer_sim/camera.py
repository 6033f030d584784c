"""The camera: a pinhole over a flat floor, rendered for many cars at once.

A picture is made of rows. Without roll every image row sees the floor along a straight line,
so a row is one depth and a walk of constant steps through the ground's drawing. A row that
covers a long stretch of floor is averaged from several such walks, and each walk reads a copy
of the drawing no finer than a pixel is wide: what anisotropic filtering does on a graphics card.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.car import check_poses
from deepracer_sim.config import check_mapping, check_numbers, read_mapping
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory
from deepracer_sim.grey import grey
from deepracer_sim.ground import Frame, Ground
from deepracer_sim.looks import SKY, WALL, Looks, colours_of, plain_looks, shades_seen
from deepracer_sim.track import Style

Array = NDArray[np.float64]

WALL_HEIGHT = 1.0  # m
_MOST_WALKS = 4  # through the drawing for one image row
_MOST_COLUMNS = 2**15 - 1  # and rows of a drawing: what 16.16 fixed point counts
MOST_PIXELS = 4096  # pixels, width and height of a picture
_EDGE = 0.002  # m that a walk keeps from the drawing's edge, so that rounding stays inside

# What a preset of config/camera.yaml must hold and the values that make sense.
_RANGES = {
    "x": (-1.0, 1.0),
    "z": (0.01, 0.9 * WALL_HEIGHT),  # what is seen over walls from above is not drawn
    "pitch_deg": (-90.0, 90.0),
    "horizontal_fov_deg": (1.0, 170.0),
}


@dataclass(frozen=True)
class Camera:
    """Where the camera sits on the car (base_link, on the ground) and its lens."""

    x: float  # m ahead of base_link
    z: float  # m above the ground
    pitch: float  # rad, down positive
    horizontal_fov: float  # rad
    width: int = 160  # pixels
    height: int = 120

    @property
    def focal_length(self) -> float:
        """Focal length in pixels; pixels are square."""
        return self.width / 2 / math.tan(self.horizontal_fov / 2)

    def project(self, points: Array) -> Array:
        """Pixels (..., 2) as column, row of points (..., 3) in base_link, m.

        Pixel centres are whole numbers; points behind the camera give NaN.
        """
        forward, left, up = np.moveaxis(points - np.array([self.x, 0.0, self.z]), -1, 0)
        sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
        depth = forward * cosine - up * sine
        down = -forward * sine - up * cosine
        with np.errstate(divide="ignore", invalid="ignore"):
            image = np.stack([-left, down], axis=-1) / depth[..., None] * self.focal_length
        image[depth <= 0] = np.nan
        return image + np.array([(self.width - 1) / 2, (self.height - 1) / 2])


def load_camera(
    preset: str = "aws_sim", width: int = 160, height: int = 120, path: Path | None = None
) -> Camera:
    """Return a preset of config/camera.yaml, or of another such file, for pictures of a size.

    Raises UserError for an unknown preset, for a file with a key missing or unknown or with a
    value of the wrong type or out of range, and for a size that is out of range.
    """
    path = path or share_directory() / "config" / "camera.yaml"
    for name, size in (("width", width), ("height", height)):
        if not 1 <= size <= MOST_PIXELS:
            raise UserError(f"The camera's {name} must be 1 to {MOST_PIXELS} pixels, found {size}.")
    presets = read_mapping(path)
    if preset not in presets:
        known = ", ".join(map(str, presets))
        raise UserError(f"{path}: no camera preset {preset!r}. Choose one of: {known}.")
    where = f"{path}, camera preset {preset}"
    values = check_mapping(presets[preset], where)
    check_numbers(values, _RANGES, where)
    pitch, fov = (math.radians(values[key]) for key in ("pitch_deg", "horizontal_fov_deg"))
    return Camera(values["x"], values["z"], pitch, fov, width, height)


class Pyramid(NamedTuple):
    """A one-channel drawing at halving resolutions, one after the other in `texels`."""

    texels: Frame  # (all texels,)
    start: NDArray[np.int64]  # (levels,) where each level begins
    columns: NDArray[np.int64]  # (levels,)
    size: Array  # (levels,) texels per metre, in 16.16 fixed point


def _pyramid(image: Frame, texel: float, levels: int = 8) -> Pyramid:
    # texels are larger than the nearest pixels: softened edges do not show as stairs
    images = [np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)]
    while len(images) < levels and min(images[-1].shape) > 1:
        rows, columns = images[-1].shape
        size = (columns + 1) // 2, (rows + 1) // 2
        even = cv2.copyMakeBorder(images[-1], 0, rows % 2, 0, columns % 2, cv2.BORDER_REPLICATE)
        images.append(np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.uint8))
    sizes = [level.size for level in images]
    return Pyramid(
        np.concatenate([level.ravel() for level in images]),
        np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        np.array([level.shape[1] for level in images]),
        np.array([2.0 ** (16 - level) / texel for level in range(len(images))]),
    )


class Walks(NamedTuple):
    """The walks through the drawing that make a picture, (walks,) each, by camera and image row."""

    slope: Array  # downward slope of the ray: above 0 it meets the floor, below 0 the wall's top
    reach: Array  # forward component of the ray
    level: NDArray[np.int64]  # of the pyramid
    first: NDArray[np.int64]  # (cameras, height + 1) where each image row's walks begin


def _walks(cameras: Sequence[Camera], texel: float, levels: int) -> Walks:
    """Plan the walks: how many a row needs, and how fine a drawing each may read."""
    walks: list[tuple[float, float, int]] = []
    first = [_add_walks(walks, camera, texel, levels) for camera in cameras]
    slope, reach, level = (np.array(column) for column in zip(*walks, strict=True))
    return Walks(slope, reach, level, np.array(first))


def _add_walks(
    walks: list[tuple[float, float, int]], camera: Camera, texel: float, levels: int
) -> list[int]:
    """Append one camera's walks; return where each image row's begin."""
    sine, cosine = math.sin(camera.pitch), math.cos(camera.pitch)
    edge = (np.arange(camera.height + 1) - camera.height / 2) / camera.focal_length
    first = [len(walks)]
    for top, bottom in zip(edge[:-1], edge[1:], strict=True):
        down = sine + (top + bottom) / 2 * cosine
        stretch = 1 / max(abs(down), 1e-3)  # a pixel's length over its width, on the floor
        most = _MOST_WALKS if down > 0 else 2
        count = int(np.clip(round(stretch / 2), 1, most))
        pixel = camera.z / max(down, 1e-3) / camera.focal_length  # m across, on the floor
        grain = pixel * max(1.0, stretch / count / 2)
        level = int(np.clip(round(math.log2(grain / texel)), 0, levels - 1))
        for part in top + (np.arange(count) + 0.5) / count * (bottom - top):
            walks.append((sine + part * cosine, cosine - part * sine, level))
        first.append(len(walks))
    return first


class Renderer:
    """Draws what cameras on one track see."""

    def __init__(self, camera: Camera, ground: Ground, style: Style) -> None:
        """Prepare the drawing for one camera; colours of wall and sky come from the style.

        Raises ValueError for a drawing of more rows or columns than the renderer can count.
        """
        if max(ground.index.shape) > _MOST_COLUMNS:
            raise ValueError(f"a drawing has at most {_MOST_COLUMNS} rows and columns")
        self.camera = camera
        self._ground = ground
        self._style = style
        self._bounds = np.array(ground.bounds) + np.array([_EDGE, _EDGE, -_EDGE, -_EDGE])
        self.mount([])

    def mount(self, cameras: Sequence[Camera]) -> None:
        """Let cars carry other cameras, too, as numbers 1, 2, ...; the renderer's own is 0."""
        mounted = [self.camera, *cameras]
        self._walks = _walks(mounted, self._ground.texel, len(self._grey.start))
        self._lenses = np.array([[camera.x, camera.z, camera.focal_length] for camera in mounted])

    @cached_property
    def _grey(self) -> Pyramid:
        return _pyramid(grey(self._ground.palette)[self._ground.index], self._ground.texel)

    @cached_property
    def _colours(self) -> list[Pyramid]:
        ground = self._ground
        return [_pyramid(channel[ground.index], ground.texel) for channel in ground.palette.T]

    def grey(self, poses: Array, looks: Looks | None = None) -> Frame:
        """Frames (n, h, w) from base_link poses (n, 3).

        Raises ValueError for poses that are not finite, or farther away than 1000 km.
        """
        colours = grey(np.array(colours_of(self._style), np.uint8))
        return self._render(self._grey, poses, looks, tuple(colours.tolist()))

    def rgb(self, poses: Array, looks: Looks | None = None) -> Frame:
        """Frames (n, h, w, 3), in colour."""
        colours = zip(*colours_of(self._style), strict=True)
        channels = [
            self._render(plane, poses, looks, channel).reshape(-1, self.camera.width)
            for plane, channel in zip(self._colours, colours, strict=True)
        ]
        frames = np.empty((len(poses), self.camera.height, self.camera.width, 3), np.uint8)
        if len(poses):
            cv2.merge(channels, frames.reshape(-1, self.camera.width, 3))
        return frames

    def _render(
        self, plane: Pyramid, poses: Array, looks: Looks | None, colours: tuple[int, ...]
    ) -> Frame:
        check_poses(poses)
        looks = plain_looks(len(poses)) if looks is None else looks
        frames = np.empty((len(poses), self.camera.height, self.camera.width), np.uint8)
        poses = np.ascontiguousarray(poses, np.float64)
        shades = shades_seen(colours, looks)
        lenses = self._lenses
        _draw(plane, self._walks, self._bounds, lenses, looks.camera, poses, shades, frames)
        return frames


@numba.njit(inline="always")
def _inside(low, high, position, step, first, last):  # type: ignore[no-untyped-def]
    """Clip columns [first, last) to where low <= position + column * step < high."""
    if abs(step) < 1e-12:
        return (first, last) if low <= position < high else (0.0, 0.0)
    a, b = (low - position) / step, (high - position) / step
    return max(first, min(a, b)), min(last, max(a, b))


@numba.njit(cache=True, error_model="numpy")
def _draw_one(plane, walks, rows, bounds, lens, pose, shades, frame):  # type: ignore[no-untyped-def]
    height, width = frame.shape
    camera_x, camera_z, focal_length = lens
    texels = plane.texels
    line = np.empty(width, np.float32)
    cosine, sine = math.cos(pose[2]), math.sin(pose[2])
    x = pose[0] + camera_x * cosine
    y = pose[1] + camera_x * sine
    for image_row in range(height):
        line[:] = 0.0
        for k in range(rows[image_row], rows[image_row + 1]):
            # the ray meets the floor, or, rising, the height of the wall's top
            slope, level = walks.slope[k], walks.level[k]
            drop = camera_z if slope > 0 else camera_z - WALL_HEIGHT
            scale = drop / slope if abs(slope) > 1e-9 else 1e9
            step_x, step_y = scale * sine / focal_length, -scale * cosine / focal_length
            across = -(width - 1) / 2
            start_x = x + scale * walks.reach[k] * cosine + across * step_x
            start_y = y + scale * walks.reach[k] * sine + across * step_y
            first, last = _inside(bounds[0], bounds[2], start_x, step_x, 0.0, float(width))
            first, last = _inside(bounds[1], bounds[3], start_y, step_y, first, last)
            # limited first: a column far beyond the picture may not fit into an integer
            begin = int(math.ceil(min(first, float(width))))
            end = int(math.ceil(max(last, float(begin))))
            for column in range(begin):
                line[column] += shades[WALL]
            for column in range(end, width):
                line[column] += shades[WALL]
            if slope <= 0:
                for column in range(begin, end):
                    line[column] += shades[SKY]
                continue
            size = plane.size[level]
            # from the first column inside on: between two points inside, all are inside
            u = np.int32(np.int64((start_x + begin * step_x - bounds[0] + _EDGE) * size))
            v = np.int32(np.int64((start_y + begin * step_y - bounds[1] + _EDGE) * size))
            du, dv = np.int32(np.int64(step_x * size)), np.int32(np.int64(step_y * size))
            columns, start = np.int32(plane.columns[level]), np.int32(plane.start[level])
            for step in range(end - begin):
                texel_u = np.int32(u + du * step) >> 16
                texel_v = np.int32(v + dv * step) >> 16
                # an unsigned index spares the check for negative ones
                texel = np.uint32(np.int32(start + texel_v * columns + texel_u))
                line[begin + step] += shades[texels[texel]]
        share = np.float32(1.0 / (rows[image_row + 1] - rows[image_row]))
        for column in range(width):
            frame[image_row, column] = np.uint8(np.int32(line[column] * share + np.float32(0.5)))


@numba.njit(cache=True, parallel=True)
def _draw(plane, walks, bounds, lenses, cameras, poses, shades, frames):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(poses)):
        rows, lens = walks.first[cameras[i]], lenses[cameras[i]]
        _draw_one(plane, walks, rows, bounds, lens, poses[i], shades[i], frames[i])
