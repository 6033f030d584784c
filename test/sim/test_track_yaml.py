import copy

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepracer_sim.errors import UserError
from deepracer_sim.random_track import random_track
from deepracer_sim.track import Style
from deepracer_sim.track_yaml import parse_track, track_document

OVAL = {
    "name": "oval",
    "width": 0.8,
    "start": {"x": 1.0, "y": 2.0, "heading_deg": 90},
    "segments": [
        {"straight": 3},
        {"left": {"radius": 1.2, "angle_deg": 180}},
        {"straight": 3},
        {"left": {"radius": 1.2, "angle_deg": 180}},
    ],
}
POINTS = {"name": "bean", "width": 0.6, "points": [[0, 0], [4, 0], [5, 3, 0.8], [1, 4, 0.5, 0.2]]}


def changed(document, *path_and_value):
    """Return a copy of a document with one entry set, by its path of keys."""
    *path, key, value = path_and_value
    document = copy.deepcopy(document)
    place = document
    for step in path:
        place = place[step]
    place[key] = value
    return document


def without(document, key):
    return {k: v for k, v in document.items() if k != key}


def test_segments_start_where_they_are_told():
    track = parse_track(OVAL, "f.yaml")
    assert track.name == "oval"
    assert track.length == pytest.approx(6.0 + 2.4 * np.pi, abs=2e-3)
    x, y, yaw = track.pose(0.0)
    assert (x, y) == pytest.approx((1.0, 2.0))
    assert yaw == pytest.approx(np.pi / 2, abs=0.01)  # a vertex, between the arc and the straight
    assert track.width(3.0) == (0.4, 0.4)
    assert len(track.center) == 4 * len(track.waypoints)
    assert track.style == Style()


def test_segments_may_turn_right():
    arc = {"right": {"radius": 1.2, "angle_deg": 180}}
    track = parse_track({**OVAL, "segments": [{"straight": 3}, arc, {"straight": 3}, arc]}, "f")
    assert not track.is_counter_clockwise


def test_points_take_their_own_width_or_the_tracks():
    rows = [(0.3, 0.3), (0.3, 0.3), (0.4, 0.4), (0.5, 0.2)]
    track = parse_track({**POINTS, "exact": True}, "f.yaml")
    np.testing.assert_array_equal(track.center, [p[:2] for p in POINTS["points"]])
    np.testing.assert_array_equal(np.stack((track.left_width, track.right_width), 1), rows)
    np.testing.assert_array_equal(track.waypoints, track.center)


def test_points_make_a_smooth_curve_unless_exact():
    track = parse_track(POINTS, "f.yaml")
    assert len(track.center) > 100
    np.testing.assert_allclose(track.center[0], [0.0, 0.0], atol=1e-12)


def test_style_changes_only_what_it_names():
    style = {"road": [1, 2, 3], "dash_width": 0, "border_width": 0.02}
    track = parse_track({**OVAL, "style": style}, "f.yaml")
    assert track.style == Style(road=(1, 2, 3), dash_width=0.0, border_width=0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_written_reads_as_the_same_track(seed):
    track = random_track(seed)
    again = parse_track(yaml.safe_load(track_document(track)), "f.yaml")
    for name in ("center", "left_width", "right_width", "waypoints"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))
    assert (again.name, again.style) == (track.name, track.style)


BAD = [
    (None, "either 'segments' or 'points'"),
    ([], "either 'segments' or 'points'"),
    ({**OVAL, "points": []}, "either 'segments' or 'points'"),
    (without(OVAL, "name"), "the key 'name' is missing"),
    (without(OVAL, "width"), "the key 'width' is missing"),
    ({**OVAL, "colour": 1}, "unknown key 'colour'; known are name, width"),
    ({**POINTS, "start": {}}, "unknown key 'start'"),
    ({**OVAL, "name": "../up"}, "name should be up to 64 letters"),
    ({**OVAL, "name": 7}, "name should be"),
    ({**OVAL, "width": "wide"}, "width should be a number above 0 and up to 5, found 'wide'"),
    ({**OVAL, "width": True}, "width should be a number"),
    ({**OVAL, "width": 0}, "width should be a number above 0"),
    ({**OVAL, "width": float("nan")}, "found nan"),
    ({**OVAL, "width": 10**400}, "width should be a number"),
    ({**OVAL, "start": {"z": 1}}, "start: unknown key 'z'"),
    ({**OVAL, "start": 3}, "start should have the keys x, y, heading_deg, found 3"),
    ({**OVAL, "segments": []}, "segments should be a list of 1 to 1000 entries, found 0"),
    (
        {**OVAL, "segments": "round"},
        "segments should be a list of 1 to 1000 entries, found 'round'",
    ),
    (changed(OVAL, "segments", 1, {"bend": 3}), "segment 2 should be 'straight: METRES'"),
    (changed(OVAL, "segments", 0, {"straight": -3}), "segment 1: straight should be a number"),
    (changed(OVAL, "segments", 1, {"left": 3}), "segment 2: left should have the keys radius"),
    (changed(OVAL, "segments", 1, "left", "radius", 0), "segment 2: radius should be a number"),
    (changed(OVAL, "segments", 1, "left", "angle", 3), "segment 2: left: unknown key 'angle'"),
    (changed(OVAL, "segments", 2, {"straight": 2.5}), "ends 0.500 m from the start"),
    (changed(OVAL, "segments", 1, "left", "angle_deg", 170), "the lap turns by 350.0 deg"),
    (changed(OVAL, "segments", 0, {"straight": 300}), "the lap is 311 m long, at most 200 m"),
    (
        {**POINTS, "points": [[0, 0], [1, 1]]},
        "points should be a list of 3 to 500 entries, found 2",
    ),
    ({**POINTS, "points": [[0, 0]] * 501}, "found 501"),
    (changed(POINTS, "points", 1, [4]), "point 2 should be"),
    (changed(POINTS, "points", 1, "4, 0"), "point 2 should be"),
    (changed(POINTS, "points", 1, [4, float("inf")]), "point 2: x, y should be a number"),
    (changed(POINTS, "points", 1, [4, 0, -0.1]), "point 2: width should be a number"),
    (changed(POINTS, "points", 1, [0, 0]), "points 1 and 2 are at the same place"),
    (changed(POINTS, "points", 3, [0, 0]), "points 4 and 1 are at the same place"),
    (changed(POINTS, "points", 1, [900, 0]), "the lap is 1803 m long"),
    (without(POINTS, "width"), "point 1 has no width"),
    ({**POINTS, "exact": "yes"}, "exact should be true or false, found 'yes'"),
    ({**POINTS, "waypoint_step": 2}, "'waypoint_step' goes only with 'exact: true'"),
    ({**POINTS, "exact": True, "waypoint_step": 3}, "divides the number of points (4)"),
    ({**OVAL, "style": {"road": [1, 2]}}, "style: road should be a list of 3 to 3"),
    ({**OVAL, "style": {"road": [1, 2, 256]}}, "style: road should be [red, green, blue]"),
    ({**OVAL, "style": {"dash_length": 0}}, "dash_length should be a number from 0.001 to 5"),
    ({**OVAL, "style": {"dash_length": 1e-4}}, "dash_length should be a number from 0.001 to 5"),
    ({**OVAL, "style": {"dash_gap": 1e-4}}, "dash_gap should be a number from 0.001 to 5"),
    ({**OVAL, "style": {"dash": -1}}, "style: dash should be a list of 3"),
    ({**OVAL, "style": {"border_width": -1}}, "style: border_width should be a number"),
    ({**OVAL, "style": {"paint": 1}}, "style: unknown key 'paint'"),
]


@pytest.mark.parametrize(("document", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_documents_are_refused_with_place_and_number(document, message):
    with pytest.raises(UserError) as error:
        parse_track(document, "f.yaml")
    assert str(error.value).startswith("f.yaml")
    assert message in str(error.value)
    assert len(str(error.value)) < 400


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*OVAL, *POINTS, "left", "x", "radius"]), inner)
    ),
    max_leaves=12,
)


@given(document=values, keep=st.sampled_from([OVAL, POINTS, {}]))
def test_any_document_is_a_track_or_a_user_error(document, keep):
    if isinstance(document, dict):
        document = {**keep, **document}
    try:
        parse_track(document, "f.yaml")
    except UserError as error:
        assert str(error).startswith("f.yaml")
