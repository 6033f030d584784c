"""The observation: what the policy sees of a camera frame.

The network's input is the whole grey frame, 160x120, as on the car. Learning works on a smaller
picture, the area average of the frame; the exported network contains that reduction.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from deepracer_sim.ground import Frame

FRAME_WIDTH, FRAME_HEIGHT = 160, 120  # pixels, DeepRacer's input
WIDTH, HEIGHT = 64, 48  # pixels, of the picture that is learned from


def observe(frames: Frame) -> Frame:
    """Reduce frames (n, 120, 160) to observations (n, 1, 48, 64), both grey 0..255."""
    observations = np.empty((len(frames), 1, HEIGHT, WIDTH), np.uint8)
    for frame, observation in zip(frames, observations[:, 0], strict=True):
        cv2.resize(frame, (WIDTH, HEIGHT), dst=observation, interpolation=cv2.INTER_AREA)
    return observations


def averaging(size: int, reduced: int) -> NDArray[np.float32]:
    """The matrix (reduced, size) whose rows average neighbouring pixels by area.

    `observe` is rounding(averaging(120, 48) @ frame @ averaging(160, 64).T).
    """
    edges = np.arange(reduced + 1) * size / reduced
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    matrix: NDArray[np.float32] = (np.maximum(overlap, 0.0) * reduced / size).astype(np.float32)
    return matrix
