"""What runs a network."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.frame import Frame

Engine = Callable[[Frame], NDArray[np.float32]]
"""Grey frames (n, 120, 160) to probabilities (n, n_actions), or steering and speed (n, 2)."""
