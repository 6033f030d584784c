"""DeepRacer's route files: .npy, one row of centre, inner border and outer border per waypoint."""

import re
import tokenize
from pathlib import Path

import numpy as np

from deepracer_sim.errors import UserError
from deepracer_sim.track import Array, Track, nearest_on_loop

# What NumPy raises on a damaged or foreign file: its header is a line of Python.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
MAX_ROWS = 10_000  # DeepRacer's longest route has 344
MAX_COORDINATE = 1000.0  # m
# A closed route repeats its first row at the end.
MAX_GAP = 0.001  # m
# Rows nearer than this are one waypoint: the simulator drops duplicates as well.
MIN_SPACING = 1e-6  # m


def read_route(path: Path) -> Track:
    """Read a DeepRacer route; the track keeps its centre rows, duplicates removed, as waypoints.

    Raises UserError when the file is no closed route with a border on either side.
    """
    rows = _load_rows(path)
    center, inner, outer = (_loop(rows[:, k : k + 2], path) for k in (0, 2, 4))
    # Files name the borders by loop, a driver by hand: clockwise, the inner one is on the right.
    sides = [_side(center, border, path) for border in (inner, outer)]
    if sides[0] == sides[1]:
        raise UserError(f"{path}: both borders of the route are on the same side of its centre.")
    # Rows do not always pair across the road, so widths go to the nearest point of a border.
    widths = [np.abs(nearest_on_loop(border, center).lateral) for border in (inner, outer)]
    left, right = widths if sides[0] > 0.0 else widths[::-1]
    return Track(re.sub(r"[^\w-]", "_", path.stem), center, left, right, center)


def _load_rows(path: Path) -> Array:
    try:
        # Mapped: a header that promises terabytes allocates nothing, and pickles are refused.
        rows = np.lib.format.open_memmap(path, mode="r")
    except DAMAGE as error:
        raise UserError(f"{path} is not a NumPy file of numbers: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise UserError(
            f"{path}: a DeepRacer route has the shape (rows, 6), for centre, inner and outer x and "
            f"y; found {rows.shape}."
        )
    if not 4 <= len(rows) <= MAX_ROWS or rows.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: a route has 4 to {MAX_ROWS} rows of numbers, "
            f"found {len(rows)} of {rows.dtype}."
        )
    values = np.array(rows, dtype=np.float64)
    bad = np.argwhere(~(np.abs(values) <= MAX_COORDINATE))
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{path}: row {row}, column {column} should be a place within {MAX_COORDINATE:.0f} m "
            f"of the origin, found {values[row, column]}."
        )
    return values


def _loop(points: Array, path: Path) -> Array:
    """Drop the repeated end and other duplicates from (k, 2) points."""
    gap = float(np.hypot(*(points[-1] - points[0])))
    if gap > MAX_GAP:
        raise UserError(
            f"{path}: the route does not close: its last row is {gap:.3f} m from its first. "
            "Only loops can be driven; a loop repeats its first row at the end."
        )
    loop = points[:-1]
    steps = np.roll(loop, -1, axis=0) - loop
    loop = loop[np.hypot(steps[:, 0], steps[:, 1]) > MIN_SPACING]
    if len(loop) < 3:
        raise UserError(f"{path}: a route needs 3 different places at least.")
    return loop


def _side(center: Array, border: Array, path: Path) -> float:
    """Return 1.0 for a border on the left of the centre line, -1.0 for one on the right."""
    lateral = nearest_on_loop(center, border).lateral
    if np.min(lateral) < 0.0 < np.max(lateral):
        x, y = border[np.argmin(np.abs(lateral))]
        raise UserError(
            f"{path}: a border crosses the centre line near x {x:.2f}, y {y:.2f} "
            "(columns are centre, inner, outer x and y)."
        )
    return float(np.sign(np.sum(lateral)))
