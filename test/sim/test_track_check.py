from collections.abc import Sequence

import numpy as np
import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.track import Track
from deepracer_sim.track_check import check_track, closest_approach, turns
from deepracer_sim.track_yaml import parse_track


def oval(radius: float = 1.0, straight: float = 3.0, width: float = 0.6) -> Track:
    arc = {"left": {"radius": radius, "angle_deg": 180}}
    segments = [{"straight": straight}, arc, {"straight": straight}, arc]
    return parse_track({"name": "oval", "width": width, "segments": segments}, "f")


def polygon(corners: Sequence[Sequence[float]]) -> Track:
    document = {"name": "polygon", "width": 0.3, "exact": True, "points": [*map(list, corners)]}
    return parse_track(document, "f")


def dumbbell(apart: float, width: float) -> Track:
    """Two straights side by side that wide loops join: their radii differ by the distance."""
    flare = {"right": {"radius": 0.8, "angle_deg": 60}}
    loop = {"left": {"radius": 0.8 + apart, "angle_deg": 300}}
    segments = 2 * [{"straight": 4}, flare, loop, flare]
    return parse_track({"name": "dumbbell", "width": width, "segments": segments}, "f")


def test_turns_of_an_oval():
    s, radius, inner_width = turns(oval(radius=0.8, straight=3.0))
    assert radius.min() == pytest.approx(0.8, rel=1e-3)
    assert np.median(radius[(s > 0.3) & (s < 2.7)]) > 100.0
    assert np.all(inner_width == 0.3)


def test_the_inner_side_is_where_the_turn_goes():
    angle = -np.linspace(0.0, 2.0 * np.pi, 100, endpoint=False)  # clockwise: right is inside
    center = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    track = Track("round", center, np.full(100, 0.4), np.full(100, 0.2), center)
    np.testing.assert_array_equal(turns(track).inner_width, np.full(len(turns(track).s), 0.2))


def test_clearance_between_two_straights():
    # Edge to edge they are one width nearer than from centre line to centre line.
    track = dumbbell(apart=0.32, width=0.3)
    (first, second), clearance = closest_approach(track)
    assert clearance == pytest.approx(0.02, abs=6e-3)
    assert abs(track.wrap(first - second)) > 6.0  # on either side of a loop


def test_a_kink_of_a_coarse_route_is_no_hairpin():
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)  # 15 deg every 26 cm
    check_track(polygon(np.stack((np.cos(angle), np.sin(angle)), axis=-1).tolist()), "f")


EIGHT = [[0, 0], [2, 2], [4, 4], [6, 2], [4, 0], [2, 2.1], [0, 4], [-2, 2]]
BAD = [
    (oval(width=0.1), "the road is 0.100 m wide at 0.00 m of the lap (x 0.00, y 0.00)"),
    (oval(width=4.9), "too tight for so wide a road"),
    (oval(radius=0.2, straight=5.0, width=0.3), "a turn of radius 0.200 m at"),
    (oval(radius=0.5, width=1.2), "its radius is 0.500 m, the inner edge is 0.600 m from"),
    (
        parse_track({"name": "eight", "width": 0.3, "points": EIGHT}, "f"),
        "the road crosses or overlaps itself by 0.2",
    ),
    (dumbbell(apart=0.2, width=0.3), "the road crosses or overlaps itself by 0.09"),
    (
        polygon([[0, 0], [3, 0], [0, 0.05]]),
        "a corner of 179 deg at 3.00 m of the lap (x 3.00, y 0.00)",
    ),
]


@pytest.mark.parametrize(("track", "message"), BAD, ids=[message for _, message in BAD])
def test_tracks_that_cannot_be_driven_are_refused(track, message):
    with pytest.raises(UserError) as error:
        check_track(track, "f")
    assert str(error.value).startswith("f: ")
    assert message in str(error.value)


def test_the_car_fits_exactly():
    check_track(oval(width=0.197), "f")


def test_a_track_of_endless_length_is_refused():
    center = np.array([[0.0, 0.0], [1e200, 0.0], [0.0, 1e200]])
    with pytest.raises(UserError, match="at most 200 m"):
        check_track(Track("far", center, np.ones(3), np.ones(3), center), "f")
