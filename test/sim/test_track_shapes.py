import numpy as np
import pytest

from deepracer_sim.track_shapes import (
    Pose,
    Segment,
    count_samples,
    end_of_segments,
    sample_curve,
    sample_segments,
)

ORIGIN = Pose(0.0, 0.0, 0.0)
HALF_TURN = Segment(np.pi, 1.0)  # a half circle of radius 1 to the left


def test_the_end_of_a_quarter_circle():
    left = end_of_segments(ORIGIN, [Segment(0.5 * np.pi * 2.0, 0.5)])
    assert left == pytest.approx((2.0, 2.0, 0.5 * np.pi))
    right = end_of_segments(Pose(1.0, 0.0, 0.5 * np.pi), [Segment(0.5 * np.pi * 2.0, -0.5)])
    assert right == pytest.approx((3.0, 2.0, 0.0))


def test_straights_follow_the_heading():
    end = end_of_segments(Pose(1.0, 2.0, np.pi / 2), [Segment(3.0, 0.0), Segment(1.0, 0.0)])
    assert end == pytest.approx((1.0, 6.0, np.pi / 2))


def test_an_oval_is_sampled_on_its_straights_and_circles():
    segments = [Segment(2.0, 0.0), HALF_TURN, Segment(2.0, 0.0), HALF_TURN]
    x, y = sample_segments(ORIGIN, segments).T
    assert len(x) == count_samples(4.0 + 2.0 * np.pi)
    from_axis = np.hypot(x - np.clip(x, 0.0, 2.0), y - 1.0)
    np.testing.assert_allclose(from_axis, 1.0, atol=1e-9)


def test_a_small_gap_is_spread_over_the_lap():
    segments = [Segment(2.0, 0.0), HALF_TURN, Segment(2.02, 0.0), Segment(3.13, 1.0)]
    end = end_of_segments(ORIGIN, segments)
    assert np.hypot(end.x, end.y) > 0.01
    loop = sample_segments(ORIGIN, segments)
    steps = np.hypot(*(np.roll(loop, -1, axis=0) - loop).T)
    assert np.ptp(steps) < 1e-3  # no gap at the line
    np.testing.assert_array_equal(loop[0], [0.0, 0.0])


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_curve_through_points_of_a_circle_is_that_circle(turn):
    angle = turn * np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    rows = np.stack((3.0 * np.cos(angle), 3.0 * np.sin(angle), 0.4 + 0 * angle, 0.3 + 0 * angle), 1)
    curve = sample_curve(rows)
    np.testing.assert_allclose(np.hypot(curve[:, 0], curve[:, 1]), 3.0, atol=1e-3)
    np.testing.assert_allclose(curve[:, 2:], np.tile([0.4, 0.3], (len(curve), 1)))
    steps = np.hypot(*(np.roll(curve[:, :2], -1, axis=0) - curve[:, :2]).T)
    np.testing.assert_allclose(steps, 6.0 * np.pi / len(curve), rtol=2e-3)


def test_a_curve_goes_through_its_points_with_their_widths():
    rows = np.array([[0, 0, 0.3, 0.3], [4, 0, 0.5, 0.2], [5, 3, 0.4, 0.4], [1, 4, 0.3, 0.6]], float)
    curve = sample_curve(rows)
    np.testing.assert_allclose(curve[0], rows[0], atol=1e-12)
    for row in rows:
        nearest = np.argmin(np.hypot(*(curve[:, :2] - row[:2]).T))
        np.testing.assert_allclose(curve[nearest, :2], row[:2], atol=0.03)
        np.testing.assert_allclose(curve[nearest, 2:], row[2:], atol=0.01)


def test_a_curve_has_no_corner_at_its_points():
    rows = np.array([[0, 0, 0.3, 0.3], [4, 0, 0.3, 0.3], [5, 3, 0.3, 0.3], [1, 4, 0.3, 0.3]], float)
    curve = sample_curve(rows)[:, :2]
    steps = np.roll(curve, -1, axis=0) - curve
    yaw = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    bend = np.diff(yaw)
    assert np.abs(np.diff(bend)).max() < 0.3 * np.abs(bend).max()


def test_a_lap_of_re_invent_2018_has_118_waypoints():
    assert count_samples(17.71) == 4 * 118
