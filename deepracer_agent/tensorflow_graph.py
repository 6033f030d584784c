"""DeepRacer's model.pb: the tensors that the car knows by name, and a reader that trusts nothing.

A model.pb is a frozen graph of TensorFlow 1, as rl-coach wrote it. Here it is parsed and checked
without TensorFlow; what is left is what leads from the camera to the action.
"""

import math
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from deepracer_agent.actions import ModelMetadata
from deepracer_agent.config_file import shown
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH
from deepracer_agent.tensorflow_messages import PRODUCER, GraphDef
from deepracer_agent.tensorflow_tensor import FLOAT, read_tensor, write_tensor
from deepracer_agent.tensorflow_wire import count_fields
from deepracer_sim.errors import UserError

MAX_BYTES = 100_000_000  # DeepRacer's largest network takes 25 MB
MAX_NUMBERS = MAX_BYTES // 4  # in all constants together
MAX_NODES = 5_000
MAX_INPUTS = 16  # of one node
MAX_FIELDS = 500_000  # of all nodes together; what is counted, tensorflow_wire.py says
MAX_PADDING = 100  # pixels

# What networks are made of. None of these reads a file or runs other code.
_OPERATORS = """
    Add AddV2 AvgPool BiasAdd Cast ConcatV2 Const Conv2D Elu Exp ExpandDims Floor FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 GreaterEqual Identity LeakyRelu LogicalNot MatMul MaxPool
    Maximum Mean Merge Minimum Mul Neg Pack Pad Placeholder Prod RandomUniform RealDiv Relu Relu6
    Reshape Rsqrt Select SelectV2 Selu Shape Sigmoid Softmax Softplus Sqrt Square Squeeze
    StopGradient StridedSlice Sub Sum Switch Tanh Transpose
"""
_KNOWN = frozenset(_OPERATORS.split())
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


class TensorNames(NamedTuple):
    """The names by which the car finds the two ends of a graph."""

    input: str
    output: str


def tensor_names(metadata: ModelMetadata) -> TensorNames:
    """Where frames go in, float (n, 120, 160, 1) from 0 to 255, and actions come out."""
    sac = metadata.training_algorithm == "sac"
    scope = f"main_level/agent/{'policy' if sac else 'main'}/online"
    head = "network_0/sac_policy_head_0" if sac else "network_1/ppo_head_0"
    sensor = metadata.sensor
    return TensorNames(f"{scope}/network_0/{sensor}/{sensor}", f"{scope}/{head}/policy")


def read_graph(data: bytes, metadata: ModelMetadata) -> Any:
    """Parse and check a model.pb; return the part from the camera to the action, a GraphDef.

    SAC's output is made what the simulator drives by: rl-coach's graph gives the mean before the
    tanh. Raises UserError for what is no such graph, or is not this metadata's.
    """
    names = tensor_names(metadata)
    nodes = _parse(data)
    used = _used(nodes, names.output)
    sizes: dict[str, int] = {}
    left = MAX_NUMBERS
    for name in used:
        _check(nodes[name], names, nodes)
        left -= _weigh(nodes[name], sizes, left)
    if names.input not in used:
        raise UserError(
            f"the action does not depend on the camera, {names.input}: the metadata's sensor or "
            "training_algorithm is another model's."
        )
    graph = GraphDef(node=[nodes[name] for name in used])
    graph.versions.producer = PRODUCER
    graph.DiscardUnknownFields()
    if metadata.training_algorithm == "sac" and graph.node[-1].op == "Identity":
        graph.node[-1].op = "Tanh"
    return graph


def _parse(data: bytes) -> dict[str, Any]:
    """The nodes by name."""
    if len(data) > MAX_BYTES:
        raise UserError(f"has {len(data):,} bytes; accepted are up to {MAX_BYTES:,}.")
    try:
        if count_fields(data, MAX_FIELDS) > MAX_FIELDS:
            raise UserError(
                f"has more than {MAX_FIELDS:,} fields; DeepRacer's have a few thousand."
            )
        graph = GraphDef.FromString(data)
    except (DecodeError, ValueError) as error:
        raise UserError("is no frozen graph of TensorFlow, or is damaged.") from error
    if not 0 < len(graph.node) <= MAX_NODES:
        raise UserError(f"has {len(graph.node):,} nodes; accepted are 1 to {MAX_NODES:,}.")
    for node in graph.node:
        if len(node.input) > MAX_INPUTS:
            raise UserError(f"its node {shown(node.name)} has {len(node.input):,} inputs.")
    nodes = {node.name: node for node in graph.node}
    if len(nodes) != len(graph.node):
        raise UserError("has two nodes of one name.")
    return nodes


def _used(nodes: dict[str, Any], output: str) -> list[str]:
    """The names of the nodes that the output depends on, itself last."""
    if output not in nodes:
        raise UserError(
            f"gives no {output}: it is no DeepRacer model, or the metadata's training_algorithm "
            "is another model's."
        )
    graph: dict[str, list[str]] = {}
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in nodes:
            raise UserError(f"refers to a node {shown(name)} that is not there.")
        graph[name] = list(_sources(nodes[name]))
        waiting += [source for source in graph[name] if source not in graph]
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise UserError("runs in a circle.") from error


def _sources(node: Any) -> Iterator[str]:
    """The nodes that a node refers to: "name", "name:1", or "^name" for one that must run first."""
    return (source.removeprefix("^").partition(":")[0] for source in node.input)


def _check(node: Any, names: TensorNames, nodes: dict[str, Any]) -> None:
    """Refuse what has no place in a network."""
    if not _NAME.fullmatch(node.name):
        raise UserError(f"has a node with the name {shown(node.name)}, which TensorFlow forbids.")
    if node.op not in _KNOWN:
        raise UserError(f"has an operator {shown(node.op)}, which no DeepRacer network needs.")
    for key in {"strides", "ksize", "dilations"}.intersection(node.attr):
        if min(node.attr[key].list.i, default=0) < 1:  # OpenVINO divides by them
            raise UserError(f"its node {shown(node.name)} has {key} that are no sizes.")
    if node.op == "Placeholder":
        _check_input(node, names)
    if node.op == "Pad":
        _check_padding(node, nodes)


def _check_input(node: Any, names: TensorNames) -> None:
    if node.name != names.input:
        raise UserError(
            f"takes {shown(node.name)}; the sensor in its metadata is {names.input}. "
            "Supported are models with one camera alone."
        )
    found = [dim.size for dim in node.attr["shape"].shape.dim]
    if node.attr["dtype"].type != FLOAT or found[1:] != [FRAME_HEIGHT, FRAME_WIDTH, 1]:
        raise UserError(
            f"takes frames of the shape {shown(found)}; accepted are float, "
            f"[-1, {FRAME_HEIGHT}, {FRAME_WIDTH}, 1]."
        )


def _check_padding(node: Any, nodes: dict[str, Any]) -> None:
    source = nodes[[node.name, *_sources(node)][-1]]  # its last input; itself without one
    sizes = read_tensor(source.attr["value"].tensor, MAX_NUMBERS) if source.op == "Const" else None
    if sizes is None or sizes.min(initial=0) < 0 or sizes.max(initial=0) > MAX_PADDING:
        raise UserError(f"its node {shown(node.name)} makes pictures too large.")


def _weigh(node: Any, sizes: dict[str, int], most: int) -> int:
    """How many numbers, at most, a node makes before it sees a frame.

    sizes: of the nodes that need no frame, to which this one is added. OpenVINO computes them when
    it reads a graph, however large.
    """
    sources = list(_sources(node))
    if node.op == "Const":
        size = _check_constant(node, most)
    elif node.op == "Placeholder" or any(source not in sizes for source in sources):
        return 0
    else:
        size = math.prod(sizes[source] for source in sources)
    if size > most or node.op in ("Pad", "RandomUniform"):
        raise UserError(f"its node {shown(node.name)} makes too many numbers out of few.")
    sizes[node.name] = max(1, size)
    return 0 if node.op == "Identity" else size


def _check_constant(node: Any, most: int) -> int:
    """Write an array anew, in the one way that every reader reads alike."""
    tensor = node.attr["value"].tensor
    try:
        array = read_tensor(tensor, most)
    except UserError as error:
        raise UserError(f"its constant {shown(node.name)} {error}.") from error
    if not array.size and tensor.dtype == FLOAT:  # OpenVINO divides by sizes of kernels
        raise UserError(f"its constant {shown(node.name)} is empty.")
    tensor.Clear()
    write_tensor(tensor, array)
    node.attr["dtype"].type = tensor.dtype
    return array.size
