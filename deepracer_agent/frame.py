"""The camera frame that a policy takes, on the car as in training. Needs numpy alone."""

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

FRAME_WIDTH, FRAME_HEIGHT = 160, 120  # pixels, DeepRacer's input
