"""The observation: what the policy sees of a camera frame.

The network's input is the whole grey frame, 160x120, as on the car. Learning works on a smaller
picture: means of 3x3 pixels, without the top rows, where the ground never is, and five columns at
either side. The exported network contains that reduction.
"""

import numba
import numpy as np

from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame

BLOCK = 3  # pixels; a mean of 9 whole numbers is never half-way between two
TOP, SIDE = 12, 5  # rows and columns of the frame that are left out
WIDTH = (FRAME_WIDTH - 2 * SIDE) // BLOCK  # 50
HEIGHT = (FRAME_HEIGHT - TOP) // BLOCK  # 36


def observe(frames: Frame) -> Frame:
    """Reduce grey frames (n, 120, 160) to observations (n, 1, 36, 50).

    Raises ValueError for frames of another size or type.
    """
    if frames.shape[1:] != (FRAME_HEIGHT, FRAME_WIDTH) or frames.dtype != np.uint8:
        raise ValueError(
            f"frames must be uint8 (n, {FRAME_HEIGHT}, {FRAME_WIDTH}), "
            f"found {frames.dtype} {frames.shape}"
        )
    observations = np.empty((len(frames), 1, HEIGHT, WIDTH), np.uint8)
    _average(frames, observations)
    return observations


@numba.njit(cache=True)
def _average(frames: Frame, observations: Frame) -> None:
    """Fill in the rounded means of the blocks."""
    sums = np.empty(frames.shape[2], np.int32)
    for i in range(frames.shape[0]):
        for row in range(HEIGHT):
            top = TOP + BLOCK * row
            for k in range(frames.shape[2]):
                sums[k] = (
                    np.int32(frames[i, top, k]) + frames[i, top + 1, k] + frames[i, top + 2, k]
                )
            for column in range(WIDTH):
                k = SIDE + BLOCK * column
                total = sums[k] + sums[k + 1] + sums[k + 2]
                observations[i, 0, row, column] = (total + BLOCK * BLOCK // 2) // (BLOCK * BLOCK)
