import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.random_track import MIN_RADIUS, random_track
from deepracer_sim.track import Track
from deepracer_sim.track_check import check_track, turns


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**63))
def test_every_random_track_can_be_driven(seed):
    track = random_track(seed)
    check_track(track, track.name)
    assert turns(track).radius.min() > 0.98 * MIN_RADIUS
    assert 9.9 <= track.length <= 25.1
    assert 0.6 <= 2.0 * track.left_width[0] <= 1.1
    assert track.name == f"random_{seed}"


def test_a_seed_makes_one_track():
    first, again, other = random_track(5), random_track(5), random_track(6)
    np.testing.assert_array_equal(first.center, again.center)
    np.testing.assert_array_equal(first.left_width, again.left_width)
    assert first.center.shape != other.center.shape or not np.allclose(first.center, other.center)


def test_random_tracks_vary():
    tracks = [random_track(seed) for seed in range(40)]
    lengths = [track.length for track in tracks]
    widths = [track.left_width[0] for track in tracks]
    assert max(lengths) > 1.5 * min(lengths)
    assert max(widths) > 1.5 * min(widths)
    assert 10 <= sum(track.is_counter_clockwise for track in tracks) <= 30
    assert sum(turns_both_ways(track) for track in tracks) > 30


def turns_both_ways(track: Track) -> bool:
    """Whether a track turns to either side by 20 deg or more in sum."""
    bend = np.diff(np.unwrap(track.heading(np.linspace(0.0, track.length, 500))))
    return bool(min(bend[bend > 0.0].sum(), -bend[bend < 0.0].sum()) > np.radians(20.0))
