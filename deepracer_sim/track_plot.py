"""A picture of a track, to scale and in its own colours."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from deepracer_sim.files import write_atomic
from deepracer_sim.track import Array, Color, Track


def draw_track(axes: Axes, track: Track) -> None:
    """Draw field, road, border lines and centre dashes on axes in m, and set their limits."""
    style = track.style
    s = np.linspace(0.0, track.length, 20 + int(track.length / 0.02))
    left, right = track.width(s)
    rings = [left, left - style.border_width, style.border_width - right, -right]
    if track.is_counter_clockwise:
        rings.reverse()  # from the outer edge inwards, each painted over the last
    colors = (style.border, style.road, style.border, style.field)
    for z, (lateral, color) in enumerate(zip(rings, colors, strict=True)):
        axes.fill(*track.pose(s, lateral)[:, :2].T, color=_rgb(color), linewidth=0.0, zorder=z)
    if style.dash_width > 0.0:
        axes.add_collection(_dashes(track))
    margin = 0.4  # m
    outer = track.pose(s, rings[0])[:, :2]
    (x_low, y_low), (x_high, y_high) = outer.min(axis=0) - margin, outer.max(axis=0) + margin
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), xlabel="x (m)", ylabel="y (m)")
    axes.set_aspect("equal")
    axes.set_facecolor(_rgb(style.field))


def draw_signs(axes: Axes, track: Track) -> None:
    """Draw the start line, an arrow in driving direction and every tenth waypoint's number."""
    white = _rgb(track.style.border)
    left, right = track.width(0.0)
    line = track.pose([0.0, 0.0], [left, -right])[:, :2]
    axes.plot(*line.T, color=white, linewidth=2, solid_capstyle="butt", zorder=5)
    tail, head = track.pose([0.15, 0.75], 0.0)[:, :2]
    arrow = {"arrowstyle": "-|>,head_width=0.5,head_length=0.9", "color": white, "linewidth": 2.5}
    axes.annotate("", head, tail, arrowprops={**arrow, "shrinkA": 0, "shrinkB": 0}, zorder=5)
    every = track.waypoints[::10]
    axes.plot(*every.T, ".", color=white, markersize=5, zorder=6)
    for k, (x, y) in enumerate(every):
        axes.annotate(
            f"{10 * k}",
            (x, y),
            (4, 4),
            textcoords="offset points",
            color=white,
            fontsize=7,
            zorder=6,
        )


def plot_track(track: Track, path: Path) -> None:
    """Write a PNG of the track with its signs. Raises UserError when it cannot be written."""
    figure = Figure(figsize=(10.0, 10.0), layout="constrained")
    axes = figure.add_subplot()
    draw_track(axes, track)
    draw_signs(axes, track)
    axes.set_title(f"{track.name}: {track.length:.2f} m")
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120, bbox_inches="tight")
    write_atomic(path, picture.getvalue())


def _dashes(track: Track) -> PolyCollection:
    style = track.style
    starts = np.arange(0.0, track.length, style.dash_length + style.dash_gap)
    ends = np.minimum(starts + style.dash_length, track.length)
    half = 0.5 * style.dash_width
    corners: list[Array] = [
        track.pose(s, lateral)[:, :2]
        for s, lateral in ((starts, half), (ends, half), (ends, -half), (starts, -half))
    ]
    return PolyCollection(
        list(np.stack(corners, axis=1)), facecolors=[_rgb(style.dash)], zorder=4, antialiaseds=True
    )


def _rgb(color: Color) -> tuple[float, ...]:
    return tuple(channel / 255.0 for channel in color)
