"""Random tracks: polygons with rounded corners, drawn until one suits."""

import numpy as np

from deepracer_sim.track import Array, Track, wrap_angle
from deepracer_sim.track_check import closest_approach
from deepracer_sim.track_shapes import VERTICES_PER_WAYPOINT, Pose, Segment, sample_segments

# More room than `check_track` asks for, so that a beginner can drive every one of them.
MIN_RADIUS = 0.55  # m
MIN_INNER_RADIUS = 0.15  # m
MIN_CLEARANCE = 0.1  # m
LENGTHS = (10.0, 25.0)  # m


def random_track(seed: int) -> Track:
    """Return the track of a seed: 10 to 25 m round, 0.6 to 1.1 m wide, either way round."""
    random = np.random.default_rng(seed)
    half_width = 0.5 * random.uniform(0.6, 1.1)
    twist = random.uniform(2.0, 3.5) * np.pi  # what all turns are to add up to, at least
    while True:
        corners = _random_polygon(random)
        cuts = random.uniform(0.8, 1.0, len(corners))
        sharpest = max(abs(piece.curvature) for piece in _round_corners(corners, cuts))
        room = max(MIN_RADIUS, half_width + MIN_INNER_RADIUS)
        corners = corners * (sharpest * room * random.uniform(1.0, 1.4))
        segments = _round_corners(corners, cuts)
        length = sum(piece.length for piece in segments)
        if LENGTHS[0] <= length <= LENGTHS[1] and _turning(segments) >= twist:
            track = _track(f"random_{seed}", corners, segments, half_width)
            if closest_approach(track).clearance >= MIN_CLEARANCE:
                return track


def _random_polygon(random: np.random.Generator) -> Array:
    """Draw corners (k, 2) at random distances round a point; the first side is the longest."""
    count = int(random.integers(5, 13))
    angles = (np.arange(count) + random.uniform(-0.3, 0.3, count)) * (2.0 * np.pi / count)
    distances = random.uniform(0.25, 1.0, count)
    corners = np.stack((distances * np.cos(angles), distances * np.sin(angles)), axis=-1)
    corners *= (random.uniform(1.0, 1.6), 1.0)
    if random.random() < 0.5:
        corners = corners[::-1]
    sides = np.roll(corners, -1, axis=0) - corners
    return np.roll(corners, -int(np.argmax(np.hypot(sides[:, 0], sides[:, 1]))), axis=0)


def _round_corners(corners: Array, cuts: Array) -> list[Segment]:
    """Return straights and arcs round a polygon, from the middle of its first side on.

    cuts: (k,) how much of the shorter half side at each corner its arc takes, 0 to 1. An arc that
    turns by a and touches the sides at t from their corner has the radius t / tan(a / 2).
    """
    sides = np.roll(corners, -1, axis=0) - corners
    length = np.hypot(sides[:, 0], sides[:, 1])
    heading = np.arctan2(sides[:, 1], sides[:, 0])
    turn = wrap_angle(heading - np.roll(heading, 1))
    touch = 0.5 * cuts * np.minimum(length, np.roll(length, 1))
    curvature = np.tan(0.5 * turn) / touch
    straight = length - touch - np.roll(touch, -1)
    first, last = 0.5 * length[0] - touch[1], 0.5 * length[0] - touch[0]
    pieces = [(first, 0.0)]
    for k in range(1, len(corners)):
        pieces += [(turn[k] / curvature[k], curvature[k]), (straight[k], 0.0)]
    pieces += [(turn[0] / curvature[0], curvature[0]), (last, 0.0)]
    return [Segment(float(length), float(curvature)) for length, curvature in pieces]


def _turning(segments: list[Segment]) -> float:
    """Return how much a lap turns, left and right added up, rad: 2 pi on an oval."""
    return sum(piece.length * abs(piece.curvature) for piece in segments)


def _track(name: str, corners: Array, segments: list[Segment], half_width: float) -> Track:
    x, y = 0.5 * (corners[0] + corners[1])
    ahead_x, ahead_y = corners[1] - corners[0]
    start = Pose(float(x), float(y), float(np.arctan2(ahead_y, ahead_x)))
    center = sample_segments(start, segments)
    half = np.full(len(center), half_width)
    return Track(name, center, half, half, center[::VERTICES_PER_WAYPOINT])
