"""The same poses through the cameras of the embedded world and of Gazebo: how alike they see."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepracer_sim.camera import Camera, load_camera
from deepracer_sim.gazebo.world import GazeboWorld
from deepracer_sim.grey import Frame
from deepracer_sim.track import Track
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld, World

Array = NDArray[np.float64]

POSES = 100  # on each track
WHITE = 160  # the least channel: 216 on a border line, 109 on the field
NEAR = 1.5  # pixels
FAR, FARTHEST = 1.5, 5.0  # m ahead of the camera
FIRST = np.array([0])  # the only car


class Seen(NamedTuple):
    """Frames (k, h, w, 3) from the same poses."""

    embedded: Frame
    gazebo: Frame


def look(world: World, poses: Array) -> Frame:
    """Return the frames (k, h, w, 3) seen at rest at poses (k, 3)."""
    frames = []
    for pose in poses:
        world.reset(FIRST, pose[None])
        frames.append(world.frames_rgb()[0])
    return np.array(frames)


def look_from_poses(track: Track) -> Seen:
    """Look about as a driver would: not far from the centre line, not far from ahead."""
    random = np.random.default_rng(0)
    poses = track.pose(random.uniform(0, track.length, POSES), random.uniform(-0.25, 0.25, POSES))
    poses[:, 2] += random.normal(0.0, 0.3, POSES)
    worlds: tuple[Callable[[Track], World], ...] = EmbeddedWorld, GazeboWorld
    frames = []
    for make in worlds:
        world = make(track)
        try:
            frames.append(look(world, poses))
        finally:
            world.close()
    return Seen(*frames)


def line_middles(row: Frame) -> Array:
    """Return where border lines are in an image row (w, 3): columns, of those not cut off."""
    white = np.concatenate([[False], row.min(axis=-1) > WHITE, [False]])
    first, end = np.flatnonzero(np.diff(white)).reshape(-1, 2).T
    return ((first + end - 1) / 2)[(first > 0) & (end < len(row))]


def rows_apart(ours: Frame, theirs: Frame) -> Array:
    """Return how far apart the border lines of two pictures are, in pixels, for each row.

    It is the largest distance between a line of one and the same line of the other; infinite where
    they do not show the same number of lines. Rows without a line are left out.
    """
    distances = []
    for a, b in zip(map(line_middles, ours), map(line_middles, theirs), strict=True):
        if len(a) != len(b):
            distances.append(math.inf)
        elif len(a):
            distances.append(abs(a - b).max())
    return np.array(distances)


def first_row(camera: Camera, distance: float) -> int:
    """Return the first image row that sees only floor nearer than a distance (m) to the camera."""
    _, row = camera.project(np.array([camera.x + distance, 0.0, 0.0]))
    return math.ceil(float(row) + 0.5)


def compare_cameras(names: Sequence[str]) -> Figure:
    """Look at tracks in both worlds; print the tables and return pictures of the first track."""
    all_seen = {name: look_from_poses(load_track(name)) for name in names}
    print("\nThe same poses through both cameras, 160x120: rows of the image with a border line")
    print(f"{'':26}{'rows':>6}{'both show it':>15}{'median':>9}{'90 %':>7}{'within 1.5 px':>16}")
    top, middle = (first_row(load_camera(), distance) for distance in (FARTHEST, FAR))
    for name, seen in all_seen.items():
        print(_rows_row(name, seen, slice(top, None)))
        print(_rows_row(f"  nearer than {FAR} m", seen, slice(middle, None)))
        print(_rows_row(f"  {FAR} to {FARTHEST:.0f} m", seen, slice(top, middle)))
    print("asked: within 1.5 px in 95 % of the rows")
    print("Mean difference of a frame, of 255: median, 90 %, largest")
    for name, seen in all_seen.items():
        frames = abs(seen.embedded.astype(int) - seen.gazebo).mean(axis=(1, 2, 3))
        print(f"{name:26}" + "".join(f"{q:8.1f}" for q in np.percentile(frames, [50, 90, 100])))
    return _draw(all_seen[names[0]])


def _rows_row(title: str, seen: Seen, rows: slice) -> str:
    pairs = zip(seen.embedded[:, rows], seen.gazebo[:, rows], strict=True)
    distances = np.concatenate([rows_apart(*pair) for pair in pairs])
    shown = distances[np.isfinite(distances)]
    median, most = np.percentile(shown, [50, 90])
    both, near = (100 * np.mean(distances <= limit) for limit in (1e3, NEAR))
    return f"{title:26}{len(distances):6d}{both:13.1f} %{median:9.1f}{most:7.1f}{near:14.1f} %"


def _draw(seen: Seen) -> Figure:
    """Draw the first three poses: both pictures, and their difference, threefold."""
    figure = Figure(figsize=(12.0, 9.3), layout="constrained")
    rows = figure.subplots(3, 3)
    for axes, ours, theirs in zip(rows, *seen, strict=False):
        difference = abs(ours.astype(int) - theirs)
        for each, picture in zip(axes, (ours, theirs, (3 * difference).clip(0, 255)), strict=True):
            each.imshow(picture, interpolation="nearest")
            each.axis("off")
    for axes, title in zip(rows[0], ("embedded", "Gazebo", "difference, x 3"), strict=True):
        axes.set_title(title)
    return figure
