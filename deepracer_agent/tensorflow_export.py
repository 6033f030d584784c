"""A trained policy as the frozen TensorFlow graph that DeepRacer's car takes.

A policy.onnx is one chain of operators on pictures (n, c, h, w), which are (n, h, w, c) here. Its
operators become ones that both of the car's converters, of 2021 and of 2024, read.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from deepracer_agent.actions import ModelMetadata
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH
from deepracer_agent.tensorflow_graph import tensor_names
from deepracer_agent.tensorflow_tensor import INT32
from deepracer_agent.tensorflow_writer import GraphWriter
from deepracer_sim.errors import UserError

Arrays = list[NDArray[Any]]
Attributes = dict[str, Any]
Write = Callable[[GraphWriter, Arrays, Attributes], None]


def graph_of_onnx(policy: bytes, metadata: ModelMetadata) -> bytes:
    """Turn the content of a policy.onnx, as `export_onnx` makes it, into that of a model.pb.

    The graph takes `float (n, 120, 160, 1)`, 0 to 255, and reduces the frame itself. Raises
    UserError for an ONNX file of another kind.
    """
    names = tensor_names(metadata)
    to = GraphWriter(names.input, [-1, FRAME_HEIGHT, FRAME_WIDTH, 1])
    try:
        for operator, values, attributes in _chain(onnx.load_from_string(policy)):
            _WRITE[operator](to, values, attributes)
    # what another file lacks can be anything, and onnx's and protobuf's errors share no base
    except Exception as error:
        raise UserError(
            f"the policy was not exported by this project ({error!r}). Train the model again."
        ) from error
    return to.finish(names.output)


def _chain(model: onnx.ModelProto) -> Iterator[tuple[str, Arrays, Attributes]]:
    """The operators in order, each with its constants and attributes."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    shapes = {
        each.name: [size.dim_value for size in each.type.tensor_type.shape.dim]
        for each in graph.value_info
    }
    flat: list[int] | None = None  # c, h, w of the picture that was flattened just now
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values = [constants[name] for name in node.input[1:]]
        if node.op_type == "Flatten":
            flat = shapes[node.input[0]][1:]
            attributes["size"] = int(np.prod(flat))
        if node.op_type == "Gemm" and flat:
            pictures = values[0].reshape(-1, *flat).transpose(0, 2, 3, 1)  # (out, h, w, c)
            values[0], flat = pictures.reshape(len(pictures), -1), None
        yield node.op_type, values, attributes


def _same(operator: str) -> Write:
    def write(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
        to.add(operator)

    return write


def _nothing(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    """The frames are float, and have their channel, already."""


def _slice(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    (top, left), (bottom, right), _ = (value.tolist() for value in values)
    ends = [0, top, left, 0], [0, bottom, right, 0], [1, 1, 1, 1]
    names = [to.constant(end, np.int32) for end in ends]
    every = 0b1001  # all frames, all channels
    to.add("StridedSlice", "", *names, Index=INT32, begin_mask=every, end_mask=every)


def _pool(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    ksize, strides = _in_picture(attributes["kernel_shape"]), _in_picture(attributes["strides"])
    to.add("AvgPool", ksize=ksize, strides=strides, padding=b"VALID")


def _round(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    """The car's older converter has no Round; a mean of nine whole numbers has no half."""
    to.add("Add", "", to.constant(0.5))
    to.add("Floor")


def _divide(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    to.add("RealDiv", "", to.constant(values[0]))


def _convolve(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    weights, bias = values
    if any(attributes["pads"]):
        top, left, bottom, right = attributes["pads"]
        pads = to.constant([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        to.add("Pad", "", pads, Tpaddings=INT32)
    kernel = to.constant(weights.transpose(2, 3, 1, 0))  # (h, w, in, out)
    to.add("Conv2D", "", kernel, strides=_in_picture(attributes["strides"]), padding=b"VALID")
    to.add("BiasAdd", "", to.constant(bias))


def _flatten(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    shape = to.constant([-1, attributes["size"]], np.int32)
    to.add("Reshape", "", shape, Tshape=INT32)


def _dense(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    weights, bias = values
    to.add("MatMul", "", to.constant(weights.T))
    to.add("BiasAdd", "", to.constant(bias))


def _clip(to: GraphWriter, values: Arrays, attributes: Attributes) -> None:
    low, high = values
    to.add("Maximum", "", to.constant(low))
    to.add("Minimum", "", to.constant(high))


def _in_picture(sizes: list[int]) -> list[int]:
    """Height and width as one of n, h, w, c."""
    return [1, *sizes, 1]


_WRITE = {
    "Cast": _nothing,
    "Unsqueeze": _nothing,
    "Slice": _slice,
    "AveragePool": _pool,
    "Round": _round,
    "Div": _divide,
    "Conv": _convolve,
    "Flatten": _flatten,
    "Gemm": _dense,
    "Clip": _clip,
    "Relu": _same("Relu"),
    "Tanh": _same("Tanh"),
    "Softmax": _same("Softmax"),
}
