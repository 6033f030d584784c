"""Matrices as Float32MultiArray, with labelled dimensions and a header of whole numbers.

The header stands before the matrix, where the layout's data_offset says that other things may be.
"""

import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Float32MultiArray, MultiArrayDimension

LARGEST = 2**24  # whole numbers up to here are exact in single precision


class Labelled(NamedTuple):
    """A matrix, what its columns are, and the numbers before it."""

    header: tuple[int, ...]
    columns: str  # names, separated by commas
    values: NDArray[np.float64]  # (rows, columns)


def to_array(
    header: Sequence[int], rows: str, columns: str, values: NDArray[np.float64]
) -> Float32MultiArray:
    """A matrix (r, c) as a message; `rows` names one row, `columns` all columns."""
    message = Float32MultiArray()
    height, width = values.shape
    message.layout.data_offset = len(header)
    message.layout.dim = [
        MultiArrayDimension(label=rows, size=height, stride=height * width),
        MultiArrayDimension(label=columns, size=width, stride=width),
    ]
    numbers = np.concatenate([np.asarray(header, np.float32), values.ravel()])
    message.data = array.array("f", numbers.astype(np.float32).tobytes())
    return message


def read_array(message: Float32MultiArray, header: int) -> Labelled:
    """The matrix in a message with `header` numbers before it.

    Raises ValueError where the layout does not fit the data, or the header is not whole numbers.
    """
    offset, dimensions = message.layout.data_offset, message.layout.dim
    data = np.array(message.data, dtype=np.float64)
    if offset != header or len(dimensions) != 2:
        raise ValueError(
            f"the layout has {len(dimensions)} dimensions and data_offset {offset}; "
            f"expected are 2 and {header}"
        )
    shape = dimensions[0].size, dimensions[1].size
    if len(data) != header + shape[0] * shape[1]:
        raise ValueError(f"{len(data)} numbers are not {header} and {shape[0]} x {shape[1]}")
    numbers = data[:header]
    if not ((np.abs(numbers) <= LARGEST) & (numbers == np.trunc(numbers))).all():
        raise ValueError(f"the first numbers must be whole, found {numbers}")
    return Labelled(tuple(map(int, numbers)), dimensions[1].label, data[header:].reshape(shape))
