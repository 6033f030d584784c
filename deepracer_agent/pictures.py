"""What an evaluation looks like: driven lines as a picture, camera and map as a video."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from deepracer_agent.evaluate import Step
from deepracer_sim.car import DT
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic
from deepracer_sim.ground import Frame, draw_ground
from deepracer_sim.track import Track
from deepracer_sim.world import World

Array = NDArray[np.float64]

_HEIGHT = 480  # pixels, of the video
_TRAIL = 30  # s of the driven line that the map shows
_CODECS = {".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}  # VP90 takes six times as long


class LinePicture:
    """Watches one car of an evaluation and draws its line over the track."""

    def __init__(self, track: Track, car: int) -> None:
        """Watch car number `car`, which drives on `track`."""
        self._track = track
        self._car = car
        self._points: list[tuple[float, float, bool]] = []

    def __call__(self, step: Step) -> None:
        """Take down where the car is."""
        car = self._car
        jump = bool(step.done[car] or step.penalty[car] > 0)
        self._points.append((float(step.verdict.x[car]), float(step.verdict.y[car]), jump))

    def write(self, path: Path) -> None:
        """Write a PNG: the driven lines, coloured by speed."""
        matplotlib.use("Agg")
        from matplotlib import pyplot
        from matplotlib.collections import LineCollection

        ends, speed = self._segments()
        ground = draw_ground(self._track, texel=0.01)
        low_x, low_y, high_x, high_y = ground.bounds
        figure, axes = pyplot.subplots(figsize=(10, 7), layout="constrained")
        axes.imshow(ground.image, origin="lower", extent=(low_x, high_x, low_y, high_y))
        lines = LineCollection(list(ends), cmap="plasma", linewidths=1.5)
        lines.set_array(speed)
        axes.add_collection(lines)
        figure.colorbar(lines, ax=axes, label="speed, m/s", shrink=0.7)
        axes.set(title=f"Driven lines, {self._track.name}", xlabel="x, m", ylabel="y, m")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        pyplot.close(figure)
        write_atomic(path, buffer.getvalue())

    def _segments(self) -> tuple[Array, Array]:
        """The line in pieces (k, 2, 2), m, and the speed on each (k,), m/s."""
        points = np.array([point[:2] for point in self._points])
        ends = np.stack([points[:-1], points[1:]], axis=1)
        speed = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / DT
        driven = ~np.array([point[2] for point in self._points])[:-1] & (speed < 10)
        return ends[driven], speed[driven]


class Video:
    """Watches one car of an evaluation and films it: camera and map side by side."""

    def __init__(self, path: Path, world: World, car: int) -> None:
        """Film the first car of a world, number `car` of the fleet, into a .mp4, .webm or .avi.

        The file is there at the end of a `with`, unless that ends with an exception. Raises
        UserError for another ending and for a place where no file can be written.
        """
        if path.suffix not in _CODECS:
            raise UserError(f"{path}: a video ends in {', '.join(_CODECS)}.")
        self._path = path
        self._world = world
        self._car = car
        self._map = _Map(world.track, _HEIGHT)
        self._trail: list[tuple[int, int]] = []
        self._width = _HEIGHT * world.camera.width // world.camera.height
        self._writer, self._temporary = _open(path, self._width + self._map.image.shape[1])

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        self._writer.release()
        try:
            if kind is None:
                os.chmod(self._temporary, 0o644)
                os.replace(self._temporary, self._path)
        except OSError as error:
            raise UserError(f"Cannot write {self._path}: {error.strerror}.") from error
        finally:
            Path(self._temporary).unlink(missing_ok=True)

    def __call__(self, step: Step) -> None:
        """Film one control period."""
        verdict, car = step.verdict, self._car
        camera = self._world.frames_rgb(np.zeros(1, np.int64))[0]
        camera = np.asarray(
            cv2.resize(camera, (self._width, _HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8
        )
        self._trail.append(self._map.pixel(float(verdict.x[car]), float(verdict.y[car])))
        recent = self._trail[-round(_TRAIL / DT) :]
        picture = np.hstack([camera, self._map.draw(recent, float(verdict.yaw[car]))])
        angle, speed = np.degrees(step.commands[car, 0]), step.commands[car, 1]
        _write(picture, f"lap {step.trial[car]}   {verdict.progress_pct[car]:.0f}%", 30)
        _write(picture, f"{step.time[car]:.1f} s   {speed:.1f} m/s   {angle:+.0f} deg", 60)
        for _ in range(1 + round(step.penalty[car] / DT)):
            self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


class _Map:
    """A track from above, to draw a car on."""

    def __init__(self, track: Track, height: int) -> None:
        coarse = draw_ground(track, texel=0.02)
        low_x, low_y, high_x, high_y = coarse.bounds
        self._low = low_x, low_y
        self._scale = height / (high_y - low_y)  # pixels per metre
        size = round((high_x - low_x) * self._scale) // 2 * 2, height
        image = cv2.resize(coarse.image[::-1], size, interpolation=cv2.INTER_AREA)
        self.image: Frame = np.asarray(image, np.uint8)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of a place, m."""
        column, row = (x - self._low[0]) * self._scale, (y - self._low[1]) * self._scale
        return round(column), round(self.image.shape[0] - row)

    def draw(self, trail: list[tuple[int, int]], yaw: float) -> Frame:
        """The map with a trail that ends at the car."""
        image = self.image.copy()
        cv2.polylines(image, [np.array(trail, np.int32)], False, (255, 215, 0), 2, cv2.LINE_AA)
        tip = np.array([[14, 0], [-9, 8], [-9, -8]], np.float64)
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [-np.sin(yaw), -np.cos(yaw)]])
        corners = np.round(tip @ turn.T + trail[-1]).astype(np.int32)
        cv2.fillConvexPoly(image, corners, (230, 30, 60), cv2.LINE_AA)
        return image


def _write(picture: Frame, text: str, row: int) -> None:
    """White letters with a shadow, so that they can be read on any ground."""
    for shift, colour in ((2, (0, 0, 0)), (0, (255, 255, 255))):
        place = (12 + shift, row + shift)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, 1, cv2.LINE_AA)


def _open(path: Path, width: int) -> tuple[Any, str]:
    """A video writer to a temporary file beside `path`, and that file's name."""
    if path.is_dir():
        raise UserError(f"Cannot write {path}: it is a folder.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}.") from error
    codec = cv2.VideoWriter.fourcc(*_CODECS[path.suffix])
    writer = cv2.VideoWriter(temporary, codec, 1 / DT, (width, _HEIGHT))
    if not writer.isOpened():
        Path(temporary).unlink(missing_ok=True)
        raise UserError(f"Cannot film {path}: OpenCV writes no {path.suffix} of this size here.")
    return writer, temporary
