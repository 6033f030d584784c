"""What lens and sensor do to a picture: blur and noise."""

import numba
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.grey import Frame

Array = NDArray[np.float64]

MOST_BLUR = 1 / 3  # of a pixel's light goes to either neighbour: then all three have the same
_STRIDE = 7919  # between the beginnings of two rows' noise
# Noise is read from here, each row from another place: to draw it anew costs more than a picture.
_NOISE = np.random.default_rng(0).standard_normal(1 << 16).astype(np.float32)


def spoil(frames: Frame, blur: Array, noise: Array, grain: NDArray[np.int64]) -> None:
    """Blur frames (n, h, w) in place and add noise.

    blur (n,): share of a pixel's light that goes to either neighbour, across and down, at most
    MOST_BLUR. noise (n,): standard deviation, grey levels. grain (n,): >= 0, another number gives
    other noise.
    """
    _spoil(frames, blur.astype(np.float32), noise.astype(np.float32), grain, _NOISE)


@numba.njit(cache=True, parallel=True)
def _spoil(frames, blur, noise, grain, normal):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(frames)):
        if blur[i] > 0.0 or noise[i] > 0.0:
            _spoil_one(frames[i], blur[i], noise[i], grain[i], normal)


@numba.njit(cache=True)
def _spoil_one(frame, blur, noise, grain, normal):  # type: ignore[no-untyped-def]
    height, width = frame.shape
    middle, half = np.float32(1.0) - blur - blur, np.float32(0.5)
    black, white = np.float32(0.0), np.float32(255.0)
    above = frame[0].copy()
    line = np.empty(width + 2, np.float32)  # with the outermost pixels repeated
    for row in range(height):
        below = frame[min(row + 1, height - 1)]
        here = frame[row]
        for k in range(width):
            line[k + 1] = middle * here[k] + blur * (np.float32(above[k]) + np.float32(below[k]))
        line[0], line[width + 1] = line[1], line[width]
        above[:] = here
        start = (grain + row * _STRIDE) % (len(normal) - width)
        grains = normal[start : start + width]
        for k in range(width):
            value = middle * line[k + 1] + blur * (line[k] + line[k + 2]) + noise * grains[k]
            here[k] = np.uint8(np.int32(min(max(value + half, black), white)))
