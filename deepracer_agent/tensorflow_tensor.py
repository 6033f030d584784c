"""Arrays in TensorFlow's TensorProto."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.config_file import shown
from deepracer_sim.errors import UserError

# The types of numbers that networks hold: TensorFlow's number for each, and where single ones go.
_FIELDS: dict[np.dtype[Any], tuple[int, str]] = {
    np.dtype(np.float32): (1, "float_val"),
    np.dtype(np.float64): (2, "double_val"),
    np.dtype(np.int32): (3, "int_val"),
    np.dtype(np.int64): (9, "int64_val"),
    np.dtype(np.bool_): (10, "bool_val"),
}
_TYPES = {number: (dtype, field) for dtype, (number, field) in _FIELDS.items()}
FLOAT, INT32 = 1, 3  # as attributes of operators
_MAX_SIZES = 8  # of a shape


def write_tensor(tensor: Any, array: NDArray[Any]) -> None:
    """Fill an empty TensorProto, as TensorFlow does: bytes for an array, a value for one number.

    OpenVINO takes the bytes of one number for 0.
    """
    tensor.dtype, field = _FIELDS[array.dtype]
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.size == 1:
        getattr(tensor, field).append(array.item())
    else:
        tensor.tensor_content = np.ascontiguousarray(array).tobytes()


def read_tensor(tensor: Any, most: int) -> NDArray[Any]:
    """The array of a TensorProto of at most `most` numbers.

    Where values are fewer than the shape says, the last stands for all that follow. Raises
    UserError, to be completed with the tensor's name, for what is no such array.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim[: _MAX_SIZES + 1]]
    if tensor.dtype not in _TYPES:
        raise UserError("is of a type that no network needs")
    known = len(shape) <= _MAX_SIZES and not tensor.tensor_shape.unknown_rank
    if min(shape, default=0) < 0 or not known or math.prod(shape) > most:
        raise UserError(f"has the shape {shown(shape)}; all together may hold {most:,} numbers")
    dtype, field = _TYPES[tensor.dtype]
    content = tensor.tensor_content
    try:
        values = (
            np.frombuffer(content, dtype) if content else np.array(getattr(tensor, field), dtype)
        )
        return np.concatenate([values, _rest(values, math.prod(shape))]).reshape(shape)
    except ValueError as error:
        raise UserError(f"does not hold {shown(shape)} numbers") from error


def _rest(values: NDArray[Any], count: int) -> NDArray[Any]:
    """What is missing to `count`. Raises ValueError where nothing is, but too much is there."""
    last = values[-1] if values.size else 0
    return np.full(count - values.size, last, values.dtype)
