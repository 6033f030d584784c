"""The trained network as ONNX: what drives, without torch."""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH
from deepracer_agent.observation import BLOCK, SIDE, TOP

OPSET = 17
INPUT, OUTPUT = "frame", "action"


class _Graph:
    """An ONNX graph that grows node by node; each node takes the one before as its input."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = INPUT

    def constant(self, value: ArrayLike) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: object) -> None:
        """Append a node; an input "" stands for the output of the node before."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        names = [name or self.last for name in inputs or ("",)]
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        self.last = output


def export_onnx(layers: nn.Sequential) -> bytes:
    """Write a network as ONNX.

    layers: from a picture (n, 1, 36, 50), 0..1, to the action. The graph takes the camera's grey
    frames instead, `frame` uint8 (n, 120, 160), and gives `action` float32: the probabilities
    (n, n_actions), or steering and speed (n, 2) in [-1, 1].
    """
    graph = _Graph()
    _add_observation(graph)
    modules = list(_flat(layers))
    for module in modules:
        _add_layer(graph, module)
    graph.nodes[-1].output[0] = OUTPUT
    width = [module.out_features for module in modules if isinstance(module, nn.Linear)][-1]
    frame = helper.make_tensor_value_info(
        INPUT, TensorProto.UINT8, ["n", FRAME_HEIGHT, FRAME_WIDTH]
    )
    action = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", width])
    body = helper.make_graph(graph.nodes, "policy", [frame], [action], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    model.producer_name = "deepracer_ros"
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _add_observation(graph: _Graph) -> None:
    """The reduction of `observation.observe`, then 0..255 to 0..1."""
    low, high = [TOP, SIDE], [FRAME_HEIGHT, FRAME_WIDTH - SIDE]
    graph.add("Cast", to=TensorProto.FLOAT)
    graph.add("Slice", "", *(graph.constant(np.array(value)) for value in (low, high, [1, 2])))
    graph.add("Unsqueeze", "", graph.constant(np.array([1])))
    graph.add("AveragePool", kernel_shape=[BLOCK, BLOCK], strides=[BLOCK, BLOCK])
    graph.add("Round")
    graph.add("Div", "", graph.constant(np.float32(255.0)))


def _add_layer(graph: _Graph, module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        padding = [int(side) for side in module.padding]
        weights = [graph.constant(value) for value in _weights(module)]
        graph.add("Conv", "", *weights, strides=list(module.stride), pads=padding * 2)
    elif isinstance(module, nn.Linear):
        weights = [graph.constant(value) for value in _weights(module)]
        graph.add("Gemm", "", *weights, transB=1)
    elif isinstance(module, nn.Softmax):
        graph.add("Softmax", axis=-1)
    elif isinstance(module, nn.Hardtanh):
        graph.add("Clip", "", graph.constant(np.float32(-1.0)), graph.constant(np.float32(1.0)))
    elif isinstance(module, nn.ReLU | nn.Tanh | nn.Flatten):
        graph.add({nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Flatten: "Flatten"}[type(module)])
    else:
        raise TypeError(f"no ONNX operator for the layer {module}")


def _weights(module: nn.Conv2d | nn.Linear) -> list[NDArray[np.float32]]:
    assert module.bias is not None
    return [np.ascontiguousarray(value.detach().numpy()) for value in (module.weight, module.bias)]


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in order, nested Sequentials opened."""
    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _flat(child)
    else:
        yield module
