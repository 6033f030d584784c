"""Colour to grey, the same in simulation, in recordings and on the car. Needs numpy alone."""

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

LUMINANCE = (0.2989, 0.5870, 0.1140)  # of R, G, B, as the DeepRacer simulator's own grey


def grey(image: Frame) -> Frame:
    """The luminance (...,) of an RGB image (..., 3), rounded."""
    return np.asarray(np.rint(image @ np.array(LUMINANCE, np.float32)), np.uint8)
