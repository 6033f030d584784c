import math
from dataclasses import replace

import numpy as np
import pytest

from deepracer_sim.ground import MARGIN, draw_ground
from deepracer_sim.track import Style, Track
from deepracer_sim.track_files import load_track, shipped_tracks

RADIUS, HALF = 1.5, 0.4
STYLE = Style()
COLOURS = {name: getattr(STYLE, name) for name in ("field", "border", "road", "dash")}


def ellipse(a, b, style=STYLE, half=HALF):
    angle = np.linspace(0.0, 2.0 * np.pi, 1000, endpoint=False)
    center = np.stack((a * np.cos(angle), b * np.sin(angle)), axis=1)
    widths = np.full(len(center), half)
    return Track("ellipse", center, widths, widths, center[::10], style)


CIRCLE = ellipse(RADIUS, RADIUS)


def colours_at(ground, xy):
    """The drawing's colours (n, 3) at points (n, 2) of the map."""
    column, row = np.floor((xy - np.array(ground.origin)) / ground.texel).astype(int).T
    return ground.palette[ground.index[row, column]].astype(int)


def surfaces_at(ground, xy):
    """The names of the surfaces at points (n, 2), by their colours: grain is +-10 levels."""
    colours = colours_at(ground, xy)[:, None, :]
    distance = np.abs(colours - np.array(list(COLOURS.values()))).sum(axis=-1)
    assert distance.min(axis=1).max() <= 30
    return np.array(list(COLOURS))[distance.argmin(axis=1)]


def expected_surfaces(track, xy, blur):
    """The same from geometry, and which points are farther than `blur` from every edge."""
    s, lateral = track.locate(xy)
    width, style = track.width(s), track.style
    edge = np.where(lateral > 0, width.left, width.right) - np.abs(lateral)  # m inside the edge
    names = np.where(edge < 0, "field", np.where(edge < style.border_width, "border", "road"))
    clear = np.minimum(np.abs(edge), np.abs(edge - style.border_width)) > blur
    return names, clear & (np.abs(lateral) > style.dash_width / 2 + blur)


@pytest.mark.parametrize("name", shipped_tracks())
def test_every_point_has_the_colour_of_its_place_on_the_track(name):
    track = load_track(name)
    ground = draw_ground(track, texel=0.01)
    low, high = np.array(ground.bounds[:2]), np.array(ground.bounds[2:])
    xy = np.random.default_rng(1).uniform(low, high, (4000, 2))
    names, clear = expected_surfaces(track, xy, blur=0.015)
    assert clear.mean() > 0.7
    np.testing.assert_array_equal(surfaces_at(ground, xy[clear]), names[clear])


def test_the_drawing_ends_a_margin_beyond_the_track():
    ground = draw_ground(CIRCLE, texel=0.01)
    rows, columns = ground.index.shape
    side = 2 * (RADIUS + HALF + MARGIN)
    assert ground.bounds[:2] == pytest.approx((-side / 2, -side / 2), abs=1e-4)
    assert rows == columns == math.ceil(side / 0.01)
    assert ground.bounds[2] == ground.origin[0] + columns * ground.texel
    assert ground.bounds[3] == ground.origin[1] + rows * ground.texel
    assert ground.image.shape == (rows, columns, 3)


def test_row_0_is_the_lowest_y():
    ground = draw_ground(ellipse(3.0, 1.0, replace(STYLE, dash_width=0.0)), texel=0.02)
    points = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert set(surfaces_at(ground, points)) == {"road"}
    assert ground.index.shape[1] > ground.index.shape[0]


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (30.0, 20.0), (45.0, 1.0)])
def test_texels_are_as_fine_as_memory_allows(a, b):
    ground = draw_ground(ellipse(a, b))
    low_x, low_y, high_x, high_y = ground.bounds
    assert ground.index.size < 16.1e6
    assert max(ground.index.shape) < 2**15  # what the camera can count
    assert ground.texel == 0.0025 or ground.index.size > 15e6
    sides = 2 * np.array([a, b]) + 2 * HALF + 2 * MARGIN
    assert np.array([high_x - low_x, high_y - low_y]) == pytest.approx(sides, abs=0.02)


def test_dashes_have_their_length_and_divide_the_lap():
    ground = draw_ground(CIRCLE, texel=0.0025)
    s = np.arange(0.0, CIRCLE.length, 0.001)
    on_dash = surfaces_at(ground, CIRCLE.pose(s)[:, :2]) == "dash"
    starts = np.count_nonzero(on_dash & ~np.roll(on_dash, 1))
    assert starts == round(CIRCLE.length / 0.1)
    assert on_dash.mean() == pytest.approx(0.5, abs=0.05)  # 0.05 m of 0.1 m, edges are drawn too
    assert on_dash[10:40].all()  # the first dash begins at the start line
    across = surfaces_at(ground, CIRCLE.pose(0.025, np.array([-0.02, 0.0, 0.02]))[:, :2])
    assert across.tolist() == ["road", "dash", "road"]


def test_a_dash_width_of_0_means_no_centre_line():
    ground = draw_ground(ellipse(1.0, 1.0, replace(STYLE, dash_width=0.0)), texel=0.01)
    track = ellipse(1.0, 1.0)
    s = np.arange(0.0, track.length, 0.01)
    assert set(surfaces_at(ground, track.pose(s)[:, :2])) == {"road"}


def test_carpet_has_grain_around_its_colour_and_paint_is_even():
    style = Style()
    ground = draw_ground(ellipse(1.5, 1.5), texel=0.01)
    angle = np.random.default_rng(0).uniform(-np.pi, np.pi, 8000)
    around = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    for radius, colour in ((1.3, style.road), (2.2, style.field)):
        carpet = colours_at(ground, radius * around)
        assert carpet.mean(axis=0) == pytest.approx(np.array(colour), abs=1.0)
        assert carpet.std(axis=0) == pytest.approx([5.0, 5.0, 5.0], abs=1.0)
    assert np.all(colours_at(ground, 1.875 * around) == style.border)


def test_colours_come_from_the_style():
    style = Style(road=(250, 5, 100), field=(3, 3, 3), border=(0, 0, 255), dash=(1, 2, 3))
    ground = draw_ground(ellipse(1.0, 1.0, style), texel=0.01)
    points = np.array([[0.8, 0.0], [0.0, 0.0], [1.375, 0.0]])  # road, field, border
    colours = colours_at(ground, points)
    wanted = np.array([style.road, style.field, style.border])
    assert np.abs(colours - wanted).max() <= 10


def test_the_drawing_is_the_same_every_time_and_in_both_directions():
    plain = ellipse(2.0, 1.0, replace(STYLE, dash_width=0.0))
    first, again = draw_ground(plain, texel=0.01), draw_ground(plain, texel=0.01)
    np.testing.assert_array_equal(first.index, again.index)
    back = draw_ground(plain.reversed(), texel=0.01)
    assert np.mean(first.index != back.index) < 1e-3  # edges may fall on the next texel
