from pathlib import Path

import numpy as np
import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.track_files import load_track
from deepracer_sim.track_route import read_route


def ring(radius: float, turn: float = 1.0, rows: int = 61, begin: float = 0.0) -> np.ndarray:
    """Return (rows, 2) points round the origin, the first one repeated at the end."""
    angle = turn * np.linspace(begin, begin + 2.0 * np.pi, rows)
    points = radius * np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    points[-1] = points[0]
    return points


def route(turn: float = 1.0, begin: float = 0.0) -> np.ndarray:
    """Return a circular route: centre 2 m, inner border 1.7 m, outer border 2.4 m."""
    return np.hstack((ring(2.0, turn), ring(1.7, turn, begin=begin), ring(2.4, turn, begin=begin)))


def write(path: Path, rows: np.ndarray) -> Path:
    np.save(path, rows)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "round.npy"


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_the_inner_border_is_left_only_when_counter_clockwise(path, turn):
    track = load_track(str(write(path, route(turn))))
    assert track.name == "round"
    assert track.is_counter_clockwise == (turn > 0.0)
    inner, outer = (track.left_width, track.right_width)[:: int(turn)]
    np.testing.assert_allclose(inner, 0.3, atol=3e-3)
    np.testing.assert_allclose(outer, 0.4, atol=3e-3)


def test_waypoints_are_the_rows_without_the_repeated_one(path):
    rows = route()
    track = read_route(write(path, rows))
    np.testing.assert_array_equal(track.waypoints, rows[:-1, :2])
    np.testing.assert_array_equal(track.center, track.waypoints)


def test_duplicate_rows_are_one_waypoint(path):
    rows = route()
    track = read_route(write(path, np.insert(rows, [0, 7, 60], rows[[0, 7, 60]], axis=0)))
    np.testing.assert_array_equal(track.waypoints, rows[:-1, :2])


def test_borders_need_not_be_paired_with_the_centre(path):
    # Rows of some official routes are not: a border half a row or a quarter lap on is the same.
    track = read_route(write(path, route(begin=0.05 + np.pi / 2)))
    np.testing.assert_allclose(track.left_width, 0.3, atol=4e-3)
    np.testing.assert_allclose(track.right_width, 0.4, atol=4e-3)


def test_integers_are_numbers_too(path):
    rows = np.round(10.0 * route()).astype(np.int32)
    assert read_route(write(path, rows)).center.dtype == np.float64


def changed(row, column, value):
    rows = route()
    rows[row, column] = value
    return rows


def straight():
    x = np.linspace(0.0, 3.0, 22)
    return np.stack((x, 0 * x, x, 0 * x + 0.3, x, 0 * x - 0.3), axis=-1)


BAD = [
    (straight(), "does not close: its last row is 3.000 m from its first"),
    (route()[:, :4], "has the shape (rows, 6)"),
    (route()[:3], "4 to 10000 rows of numbers, found 3"),
    (route()[:0], "round.npy"),
    (np.zeros(6), "has the shape (rows, 6)"),
    (np.zeros((10, 6)), "3 different places at least"),
    (np.full((10, 6), "x"), "rows of numbers, found 10 of <U1"),
    (route().astype(complex), "of complex128"),
    (changed(7, 3, np.nan), "row 7, column 3 should be a place within 1000 m of the origin"),
    (changed(7, 3, np.inf), "row 7, column 3"),
    (changed(7, 3, 1e300), "row 7, column 3"),
    (np.tile(route()[:-1], (200, 1)), "4 to 10000 rows of numbers, found 12000"),
    (
        np.hstack((ring(2.0), ring(1.7), ring(1.6))),
        "both borders of the route are on the same side",
    ),
    (np.hstack((ring(2.0), ring(1.7) + [0.5, 0.0], ring(2.4))), "a border crosses the centre line"),
]


@pytest.mark.parametrize(("rows", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_routes_are_refused_with_place_and_number(path, rows, message):
    with pytest.raises(UserError) as error:
        read_route(write(path, rows))
    assert str(path) in str(error.value)
    assert message in str(error.value)


HEADER = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04 a zip",
        HEADER,
        HEADER + b"\x20\x00" + b"{" * 32,
        HEADER + b"\x20\x00" + b"-" * 31 + b"\n",
        HEADER
        + b"\x46\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 6)}  \n",
        HEADER + b"\x40\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 6)}     \n",
    ],
)
def test_files_that_are_no_arrays_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"round\.npy is not a NumPy file of numbers"):
        read_route(path)


def test_pickles_are_never_loaded(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="is not a NumPy file of numbers"):
        read_route(path)
