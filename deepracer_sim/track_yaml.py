"""The YAML form of a track: `segments` (straights and arcs) or `points`, read and written."""

import math
import re
import reprlib
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import yaml

from deepracer_sim.errors import UserError
from deepracer_sim.track import Array, Color, Style, Track
from deepracer_sim.track_check import MAX_WIDTH, check_length
from deepracer_sim.track_shapes import (
    VERTICES_PER_WAYPOINT,
    Pose,
    Segment,
    end_of_segments,
    sample_curve,
    sample_segments,
)

MAX_SEGMENTS = 1000
MAX_CURVE_POINTS = 500
MAX_EXACT_POINTS = 10_000
MAX_COORDINATE = 1000.0  # m
MIN_SPACING = 1e-6  # m
MIN_DASH = 0.001  # m; finer ones make millions in a lap
# What laying tape with a ruler misses; more is a mistake in the numbers.
MAX_GAP = 0.1  # m
MAX_HEADING_GAP_DEG = 2.0

SEGMENT_KEYS = ("name", "width", "style", "start", "segments")
POINT_KEYS = ("name", "width", "style", "points", "exact", "waypoint_step")


def parse_track(document: object, where: str) -> Track:
    """Build a track from a loaded YAML document; whether it can be driven is not checked.

    Raises UserError that names the key, segment or point; `where` is the file in messages.
    """
    if not isinstance(document, dict) or ("segments" in document) == ("points" in document):
        raise UserError(f"{where}: a track has a name, a width and either 'segments' or 'points'.")
    if "segments" in document:
        table = _table(document, where, SEGMENT_KEYS, required=("name", "width"))
        rows, step = _parse_segments(table, where), VERTICES_PER_WAYPOINT
    else:
        table = _table(document, where, POINT_KEYS, required=("name",))
        rows, step = _parse_points(table, where)
    center, left, right = np.ascontiguousarray(rows[:, :2]), rows[:, 2].copy(), rows[:, 3].copy()
    style = _parse_style(table.get("style", {}), f"{where}: style")
    return Track(_parse_name(table["name"], where), center, left, right, center[::step], style)


def track_document(track: Track) -> str:
    """Return YAML that `parse_track` makes the same track of: exact points, widths and style."""
    step = len(track.center) // len(track.waypoints)
    if not np.array_equal(track.center[::step], track.waypoints):
        raise ValueError("the waypoints of a track must be every k-th vertex of its centre line")
    style = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(track.style).items()}
    rows = np.column_stack((track.center, track.left_width, track.right_width))
    head = {"name": track.name, "exact": True, "waypoint_step": step, "style": style}
    return (
        yaml.safe_dump(head, default_flow_style=None, sort_keys=False)
        + "# x, y, width to the left, width to the right (m), in driving order\n"
        + yaml.safe_dump({"points": rows.tolist()}, default_flow_style=None, width=1000)
    )


def _parse_segments(table: dict[str, Any], where: str) -> Array:
    """Return (n, 4) rows: x, y, left width, right width."""
    items = _list(table["segments"], f"{where}: segments", 1, MAX_SEGMENTS)
    segments = [_parse_segment(item, f"{where}: segment {k}") for k, item in enumerate(items, 1)]
    half_width = 0.5 * _number(table["width"], f"{where}: width", 0.0, MAX_WIDTH)
    start = _parse_start(table.get("start", {}), f"{where}: start")
    check_length(sum(segment.length for segment in segments), where)
    end = end_of_segments(start, segments)
    gap = math.dist(start[:2], end[:2])
    turn_deg = math.degrees(end.heading - start.heading)
    if gap > MAX_GAP or abs(abs(turn_deg) - 360.0) > MAX_HEADING_GAP_DEG:
        raise UserError(
            f"{where}: the segments do not close: the last one ends {gap:.3f} m from the start "
            f"(at most {MAX_GAP} m is closed for you) and the lap turns by {turn_deg:.1f} deg "
            f"(it should be 360 or -360, at most {MAX_HEADING_GAP_DEG:.0f} off)."
        )
    center = sample_segments(start, segments)
    return np.column_stack((center, np.full((len(center), 2), half_width)))


def _parse_segment(item: object, where: str) -> Segment:
    if not isinstance(item, dict) or [*item] not in (["straight"], ["left"], ["right"]):
        raise UserError(
            f"{where} should be 'straight: METRES', or 'left' or 'right' with "
            f"{{radius: METRES, angle_deg: DEGREES}}, found {_shorten(item)}."
        )
    ((kind, value),) = item.items()
    if kind == "straight":
        return Segment(_number(value, f"{where}: straight", 0.0, MAX_COORDINATE), 0.0)
    keys = ("radius", "angle_deg")
    arc = _table(value, f"{where}: {kind}", keys, required=keys)
    radius = _number(arc["radius"], f"{where}: radius", 0.0, MAX_COORDINATE)
    angle = math.radians(_number(arc["angle_deg"], f"{where}: angle_deg", 0.0, 360.0))
    return Segment(radius * angle, 1.0 / radius if kind == "left" else -1.0 / radius)


def _parse_start(value: object, where: str) -> Pose:
    limits = {"x": MAX_COORDINATE, "y": MAX_COORDINATE, "heading_deg": 360.0}
    table = _table(value, where, limits, required=())
    x, y, heading_deg = (
        _number(table.get(key, 0.0), f"{where}: {key}", -limit, limit)
        for key, limit in limits.items()
    )
    return Pose(x, y, math.radians(heading_deg))


def _parse_points(table: dict[str, Any], where: str) -> tuple[Array, int]:
    """Return (n, 4) rows x, y, left width, right width, and how many of them make a waypoint."""
    exact = table.get("exact", False)
    if not isinstance(exact, bool):
        raise UserError(f"{where}: exact should be true or false, found {_shorten(exact)}.")
    rows = _point_rows(table, MAX_EXACT_POINTS if exact else MAX_CURVE_POINTS, where)
    steps = np.hypot(*(np.roll(rows[:, :2], -1, axis=0) - rows[:, :2]).T)
    check_length(float(np.sum(steps)), where)
    if np.min(steps) < MIN_SPACING:
        k = int(np.argmin(steps)) + 1
        raise UserError(
            f"{where}: points {k} and {k % len(rows) + 1} are at the same place; leave one out "
            "(the last point joins the first by itself)."
        )
    if exact:
        return rows, _waypoint_step(table, len(rows), where)
    if "waypoint_step" in table:
        raise UserError(f"{where}: the key 'waypoint_step' goes only with 'exact: true'.")
    return sample_curve(rows), VERTICES_PER_WAYPOINT


def _point_rows(table: dict[str, Any], limit: int, where: str) -> Array:
    items = _list(table["points"], f"{where}: points", 3, limit)
    width = table.get("width")
    default = [] if width is None else [_number(width, f"{where}: width", 0.0, MAX_WIDTH)]
    rows = [_parse_point(row, default, f"{where}: point {k}") for k, row in enumerate(items, 1)]
    return np.array(rows)


def _parse_point(item: object, default: list[float], where: str) -> list[float]:
    """Return x, y, left width, right width of [x, y], [x, y, width] or [x, y, left, right]."""
    if not isinstance(item, list) or not 2 <= len(item) <= 4:
        raise UserError(
            f"{where} should be [x, y], [x, y, width] or [x, y, left width, right width] in m, "
            f"found {_shorten(item)}."
        )
    x, y = (_number(v, f"{where}: x, y", -MAX_COORDINATE, MAX_COORDINATE) for v in item[:2])
    widths = [_number(v, f"{where}: width", 0.0, MAX_WIDTH) for v in item[2:]] or default
    if not widths:
        raise UserError(f"{where} has no width: give 'width' for the track, or [x, y, width].")
    return [x, y, *(widths if len(widths) == 2 else 2 * [0.5 * widths[0]])]


def _waypoint_step(table: dict[str, Any], count: int, where: str) -> int:
    step = table.get("waypoint_step", 1)
    if type(step) is not int or not 1 <= step <= count // 3 or count % step:
        raise UserError(
            f"{where}: waypoint_step should be a whole number that divides the number of points "
            f"({count}) and leaves 3 at least, found {_shorten(step)}."
        )
    return step


def _parse_name(value: object, where: str) -> str:
    # Names become parts of file names.
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,64}", value):
        raise UserError(
            f"{where}: name should be up to 64 letters, digits, _ and -, found {_shorten(value)}."
        )
    return value


def _parse_style(value: object, where: str) -> Style:
    defaults = {f.name: f.default for f in fields(Style)}
    table = _table(value, where, defaults, required=())
    parsed: dict[str, Any] = {
        key: _color(item, f"{where}: {key}")
        if isinstance(defaults[key], tuple)
        else _length(key, item, f"{where}: {key}")
        for key, item in table.items()
    }
    return Style(**parsed)


def _length(key: str, value: object, where: str) -> float:
    # A line may have no width and dashes no gap, but a dash of no length has no end.
    if value == 0 and key != "dash_length":
        return 0.0
    low = MIN_DASH if key in ("dash_length", "dash_gap") else 0.0
    return _number(value, where, low, MAX_WIDTH)


def _color(value: object, where: str) -> Color:
    items = _list(value, where, 3, 3)
    if not all(type(v) is int and 0 <= v <= 255 for v in items):
        raise UserError(
            f"{where} should be [red, green, blue], each 0 to 255, found {_shorten(items)}."
        )
    return items[0], items[1], items[2]


def _shorten(value: object) -> str:
    return reprlib.repr(value)[:80]


def _table(
    value: object, where: str, known: Iterable[str], required: Iterable[str]
) -> dict[str, Any]:
    names = ", ".join(known)
    if not isinstance(value, dict):
        raise UserError(f"{where} should have the keys {names}, found {_shorten(value)}.")
    for key in value:
        if key not in known:
            raise UserError(f"{where}: unknown key {_shorten(key)}; known are {names}.")
    for key in required:
        if key not in value:
            raise UserError(f"{where}: the key '{key}' is missing.")
    return value


def _list(value: object, where: str, low: int, high: int) -> list[Any]:
    if not isinstance(value, list) or not low <= len(value) <= high:
        found = f"{len(value)} of them" if isinstance(value, list) else _shorten(value)
        raise UserError(f"{where} should be a list of {low} to {high} entries, found {found}.")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    """Return a number in [low, high]; 0 as a lower limit is not itself allowed."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or value == low == 0.0:
        above = "above 0 and up to" if low == 0.0 else f"from {low:g} to"
        raise UserError(f"{where} should be a number {above} {high:g}, found {_shorten(value)}.")
    return float(value)
