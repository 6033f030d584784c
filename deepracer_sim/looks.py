"""How each car sees the world: which camera it carries, in what light, and how things are painted.

A drawing has 256 shades of a channel, and most texels have, but for the grain, the shade of one of
four surfaces. So another paint needs no other drawing: every car reads the shades through a curve
of its own, which moves each surface's shade by as much as its paint differs.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_sim.track import Color, Style

Array = NDArray[np.float64]

SURFACES = ("field", "border", "road", "dash", "wall", "sky")  # colours of a Style
WALL, SKY = 256, 257  # columns of the shades seen, after those of the drawing


class Looks(NamedTuple):
    """How n cars see."""

    camera: NDArray[np.int64]  # (n,) which of the cameras that the renderer knows
    light: Array  # (n,) factor on the brightness
    paint: Array  # (n, 6) grey levels that each of SURFACES is brighter


def plain_looks(n: int) -> Looks:
    """How n cars see what is drawn as it is."""
    return Looks(np.zeros(n, np.int64), np.ones(n), np.zeros((n, len(SURFACES))))


def colours_of(style: Style) -> list[Color]:
    """The colours (6, 3) of SURFACES."""
    return [getattr(style, name) for name in SURFACES]


def shades_seen(colours: tuple[int, ...], looks: Looks) -> NDArray[np.float32]:
    """The shade that each car sees for each of the drawing, for wall and for sky: (n, 258), 0..255.

    colours (6,): one channel of SURFACES' colours.
    """
    levels = np.append(np.arange(256.0), colours[-2:])
    seen = levels + looks.paint @ _shares(colours)
    return np.clip(looks.light[:, None] * seen, 0.0, 255.0).astype(np.float32)


@lru_cache
def _shares(colours: tuple[int, ...]) -> Array:
    """How much of a surface's paint each shade has, (6, 258): all at its own, none at another's."""
    shades, which, count = np.unique(colours[:-2], return_inverse=True, return_counts=True)
    shares = np.zeros((len(SURFACES), 258))
    for surface, k in enumerate(which):  # surfaces of one shade cannot be told apart
        own = np.arange(len(shades)) == k
        shares[surface, :256] = np.interp(np.arange(256), shades, own) / count[k]
    shares[-2, WALL] = shares[-1, SKY] = 1.0
    return shares
