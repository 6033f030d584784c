"""A track and its cars in the terminal, drawn with Braille dots."""

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from deepracer_sim.track import Track

Array = NDArray[np.float64]

_COLUMNS, _LINES = 72, 18  # characters, at most; a character has 2 x 4 dots
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # by row, column
_BRAILLE = 0x2800


class TerminalMap:
    """A track's borders; `draw` adds the cars."""

    def __init__(self, track: Track) -> None:
        """Fit the track into 72 x 18 characters."""
        borders = np.concatenate([track.left_border, track.right_border])
        self._low = borders.min(axis=0)
        size = borders.max(axis=0) - self._low
        self._scale = min(2 * _COLUMNS / size[0], 4 * _LINES / size[1])  # dots per metre
        columns, rows = np.ceil(size * self._scale).astype(int) + 1
        self._shape = -(-rows // 4), -(-columns // 2)  # characters
        self._borders = self._cells(borders)

    def draw(self, cars: Array) -> Text:
        """The track with cars at (n, 2), m; those beyond its edges are left out."""
        own = self._cells(cars)
        text = Text()
        for line, bits in enumerate(self._borders | own):
            for column, dots in enumerate(bits.tolist()):
                style = "bold dark_orange" if own[line, column] else "grey50"
                text.append(chr(_BRAILLE + dots) if dots else " ", style)
            text.append("\n")
        return text

    def _cells(self, points: Array) -> NDArray[np.int64]:
        """The dots of points (n, 2), m, as bits of the characters (lines, columns)."""
        column, row = np.rint((points - self._low) * self._scale).astype(int).T
        lines, columns = self._shape
        row = 4 * lines - 1 - row
        seen = (column >= 0) & (column < 2 * columns) & (row >= 0) & (row < 4 * lines)
        column, row = column[seen], row[seen]
        cells = np.zeros(self._shape, np.int64)
        np.bitwise_or.at(cells, (row // 4, column // 2), _DOTS[row % 4, column % 2])
        return cells
