import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.random_track import random_track
from deepracer_sim.track import Track, nearest_on_loop
from deepracer_sim.track_files import load_track

RADIUS = 2.0
HALF_WIDTHS = (0.5, 0.3)  # left, right


def circle(n: int = 400, turn: float = 1.0) -> Track:
    """Return a circle about the origin from (RADIUS, 0) on; turn -1 runs clockwise."""
    angle = turn * np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)
    center = RADIUS * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    left, right = (np.full(n, width) for width in HALF_WIDTHS)
    return Track("circle", center, left, right, center[::4])


TRACKS = [circle(), circle(turn=-1.0), load_track("reinvent_2018"), random_track(3)]
tracks = st.sampled_from(TRACKS)
fractions = st.floats(0.0, 1.0, exclude_max=True)


def largest_bend(track: Track) -> float:
    """Largest angle between two neighbouring segments, rad."""
    steps = np.roll(track.center, -1, axis=0) - track.center
    yaw = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    return float(np.abs(np.diff(yaw)).max())


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_circle_is_one(turn):
    track = circle(turn=turn)
    s = np.linspace(0.0, 2.0 * np.pi * RADIUS, 50, endpoint=False)
    angle = turn * s / RADIUS
    assert track.length == pytest.approx(2.0 * np.pi * RADIUS, rel=1e-4)
    assert track.is_counter_clockwise == (turn > 0.0)
    x, y, yaw = track.pose(s, 0.2).T  # left is inwards when it runs counter-clockwise
    np.testing.assert_allclose(np.hypot(x, y), RADIUS - 0.2 * turn, atol=2e-4)
    np.testing.assert_allclose(np.exp(1j * np.arctan2(y, x)), np.exp(1j * angle), atol=2e-3)
    np.testing.assert_allclose(np.exp(1j * yaw), np.exp(1j * (angle + turn * np.pi / 2)), atol=2e-3)


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_borders_of_a_circle_lie_at_the_widths(turn):
    track = circle(turn=turn)
    for border, sign, width in ((track.left_border, -1, 0), (track.right_border, 1, 1)):
        expected = RADIUS + turn * sign * HALF_WIDTHS[width]
        np.testing.assert_allclose(np.hypot(*border.T), expected, atol=1e-9)
    assert track.width(1.0) == HALF_WIDTHS


def test_width_is_linear_between_vertices():
    center = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    left, right = np.array([1.0, 2.0, 1.0, 3.0]), np.array([0.5, 0.5, 0.5, 0.1])
    track = Track("square", center, left, right, center)
    np.testing.assert_allclose(track.width([0.5, 3.5]).left, [1.5, 2.0])  # 3.5: last to first
    np.testing.assert_allclose(track.width([0.5, 3.5]).right, [0.5, 0.3])


def test_locate_takes_the_nearest_part_of_the_loop():
    track = circle(4)  # a square with its corners on the axes
    located = track.locate([[1.0, 1.0], [0.9, 0.9], [3.0, 0.0], [0.0, -3.0]])
    np.testing.assert_allclose(located.s, [0.5 * math.sqrt(8), 0.5 * math.sqrt(8), 0.0, 3 * 8**0.5])
    np.testing.assert_allclose(located.lateral, [0.0, math.sqrt(0.02), -1.0, -1.0], atol=1e-12)


@given(track=tracks, x=st.floats(-9.0, 9.0), y=st.floats(-9.0, 9.0))
def test_no_place_on_the_track_is_nearer_than_the_located_one(track, x, y):
    s, lateral = track.locate([x, y])
    assert 0.0 <= s < track.length
    places = track.pose(np.linspace(0.0, track.length, 2000))[:, :2]
    nearest = np.hypot(*(places - [x, y]).T).min()
    assert abs(lateral) <= nearest + 1e-9
    assert np.hypot(*(track.pose(s)[:2] - [x, y])) == pytest.approx(abs(lateral), abs=1e-9)


@given(track=tracks, at=fractions, across=st.floats(-1.0, 1.0))
def test_locate_undoes_pose(track, at, across):
    s = at * track.length
    left, right = track.width(s)
    lateral = across * (left if across > 0.0 else right)
    located = track.locate(track.pose(s, lateral)[:2])
    # The heading turns smoothly, a polyline in bends: the two differ by half of one at most.
    half_bend = 0.5 * largest_bend(track)
    assert abs(track.wrap(located.s - s)) <= abs(lateral) * math.tan(half_bend) + 1e-9
    assert located.lateral == pytest.approx(lateral, abs=abs(lateral) * half_bend**2 + 1e-9)


@given(track=tracks, at=fractions, laps=st.integers(-3, 3))
def test_pose_wraps_at_the_line(track, at, laps):
    pose = track.pose(at * track.length)
    again = track.pose((at + laps) * track.length)
    np.testing.assert_allclose(again[:2], pose[:2], atol=1e-9)
    np.testing.assert_allclose(np.exp(1j * again[2]), np.exp(1j * pose[2]), atol=1e-9)


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.name)
def test_heading_is_the_direction_of_travel_and_has_no_jump(track):
    s = np.linspace(0.0, 2.0 * track.length, 20_000)
    yaw = track.heading(s)
    assert np.all(np.abs(yaw) <= np.pi)
    turned = np.diff(np.unwrap(yaw))
    assert np.abs(turned).max() < 0.02
    assert abs(turned.sum()) == pytest.approx(4.0 * np.pi)
    ahead = np.diff(track.pose(s)[:, :2], axis=0)
    off = np.angle(np.exp(1j * (np.arctan2(ahead[:, 1], ahead[:, 0]) - yaw[:-1])))
    assert np.abs(off).max() <= 0.5 * largest_bend(track) + 0.02


@given(track=tracks, ds=st.floats(-100.0, 100.0))
def test_wrap_gives_the_short_way(track, ds):
    short = track.wrap(ds)
    assert abs(short) <= 0.5 * track.length
    laps = (ds - short) / track.length
    assert laps == pytest.approx(round(laps), abs=1e-9)


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.name)
def test_reversed_twice_is_the_same_track(track):
    again = track.reversed().reversed()
    for name in ("center", "left_width", "right_width", "waypoints"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))


@given(track=tracks, at=fractions, lateral=st.floats(-0.2, 0.2))
def test_reversed_looks_the_other_way_from_the_same_line(track, at, lateral):
    other, s = track.reversed(), at * track.length
    assert other.is_counter_clockwise != track.is_counter_clockwise
    np.testing.assert_array_equal(other.center[0], track.center[0])
    pose, mirrored = track.pose(s, lateral), other.pose(-s, -lateral)
    np.testing.assert_allclose(mirrored[:2], pose[:2], atol=1e-9)
    assert np.exp(1j * (mirrored[2] - pose[2])) == pytest.approx(-1.0)
    assert other.width(-s) == pytest.approx(track.width(s)[::-1])


def test_waypoints_are_found_along_the_lap():
    track = circle()
    np.testing.assert_allclose(track.waypoint_s, track.s[:-1:4], atol=1e-9)
    assert track.waypoint_s[0] == 0.0


def test_shapes_follow_the_arguments():
    track = circle()
    assert track.pose(1.0).shape == (3,)
    assert track.pose(np.zeros((4, 5)), 0.1).shape == (4, 5, 3)
    assert track.pose(0.0, [0.1, 0.2]).shape == (2, 3)
    assert track.locate(np.zeros((4, 5, 2))).lateral.shape == (4, 5)
    assert track.width(np.zeros(3)).left.shape == (3,)
    assert track.locate(np.zeros((0, 2))).s.shape == (0,)


@settings(max_examples=20)
@given(bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_points_that_are_not_finite_are_nowhere(bad):
    located = circle().locate([[bad, 0.0], [0.0, bad], [2.0, 0.0]])
    assert np.isnan(located.s).tolist() == [True, True, False]
    assert np.isnan(located.lateral).tolist() == [True, True, False]


def test_nearest_on_loop_measures_to_any_closed_polyline():
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    located = nearest_on_loop(square, [[1.0, 0.5], [-1.0, 1.0]])
    np.testing.assert_allclose(located.s, [1.0, 7.0])
    np.testing.assert_allclose(located.lateral, [0.5, -1.0])
