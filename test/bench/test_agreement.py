"""The measures of agreement measure what they say, and the drives are such as they should be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.agreement_cameras import first_row, line_middles, rows_apart
from bench.agreement_motion import LAP, Paths, apart, drive, drives
from deepracer_sim.camera import load_camera
from deepracer_sim.ground import draw_ground
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

TRACK = load_track("reinvent_2018")
ROAD, LINE = (42, 54, 71), (222, 222, 216)


def moved(poses, x, y, turn):
    """The same path, begun elsewhere."""
    cosine, sine = math.cos(turn), math.sin(turn)
    rotation = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return poses @ rotation + [x, y, turn]


def circle(steps, radius):
    turned = np.linspace(0.0, 2.0, steps + 1)
    return np.stack([radius * np.sin(turned), radius * (1 - np.cos(turned)), turned], axis=-1)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-3, 3))
def test_where_a_window_begins_does_not_count(x, y, turn):
    path = circle(60, 1.0)
    np.testing.assert_allclose(apart(Paths(path, moved(path, x, y, turn)), 15), 0.0, atol=1e-12)


def test_what_happens_in_a_window_counts():
    path = circle(30, 1.0)
    off = path.copy()
    off[15:] += [0.03, 0.04, -0.1]
    windows = apart(Paths(path, off), 15, every=15)
    np.testing.assert_allclose(windows[0], [0.05, 0.1])
    assert windows.shape == (2, 2)


@pytest.fixture(scope="module")
def all_drives():
    return drives(TRACK)


def test_drives_keep_away_from_walls(all_drives):
    world = EmbeddedWorld(TRACK)
    low_x, low_y, high_x, high_y = draw_ground(TRACK).bounds
    for each in (each for some in all_drives.values() for each in some):
        x, y, _ = drive(world, *each).T
        assert min(x.min() - low_x, high_x - x.max(), y.min() - low_y, high_y - y.max()) > 0.5


def test_the_driver_of_the_lap_stays_on_the_track(all_drives):
    (lap,) = all_drives[LAP]
    poses = drive(EmbeddedWorld(TRACK), *lap)
    s, lateral = TRACK.locate(poses[:, :2])
    assert abs(lateral).max() < TRACK.width(0.0).left
    assert np.sum(TRACK.wrap(np.diff(s))) == pytest.approx(TRACK.length, abs=0.2)
    assert {1.0, 2.0} == set(lap.commands[:, 1])


def picture(*rows, width=20):
    """Rows of road with a line at the columns given."""
    image = np.full((len(rows), width, 3), ROAD, np.uint8)
    for row, columns in zip(image, rows, strict=True):
        row[list(columns)] = LINE
    return image


def test_lines_are_where_their_middles_are_and_cut_ones_nowhere():
    (row,) = picture([0, 1, 5, 6, 7, 12, 19])
    assert list(line_middles(row)) == [6.0, 12.0]
    assert list(line_middles(picture([])[0])) == []


def test_rows_are_as_far_apart_as_their_lines():
    ours = picture([5, 6], [5], [5], [], [5, 15], [5, 15])
    theirs = picture([7, 8], [5], [], [], [6, 13], [5])
    assert list(rows_apart(ours, theirs)) == [2.0, 0.0, math.inf, 2.0, math.inf]
    assert list(rows_apart(theirs, ours)) == [2.0, 0.0, math.inf, 2.0, math.inf]


@pytest.mark.parametrize("preset", ["aws_sim", "deepracer_lens"])
@pytest.mark.parametrize("distance", [0.5, 5.0])
def test_the_first_row_sees_only_what_is_nearer(preset, distance):
    camera = load_camera(preset)
    row = first_row(camera, distance)
    slope = (row - camera.height / 2) / camera.focal_length  # of the row's upper edge
    assert camera.z / math.tan(camera.pitch + math.atan(slope)) <= distance
    slope = (row - 1 - camera.height / 2) / camera.focal_length
    assert camera.z / math.tan(camera.pitch + math.atan(slope)) > distance
