"""Frozen graphs of others: real TensorFlow's are read, and nothing else gets as far as OpenVINO.

frozen_graphs.npz was made by make_frozen_graphs.py, with TensorFlow.
"""

import resource
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_agent import tensorflow_graph
from deepracer_agent.actions import Command, DiscreteActions, load_metadata
from deepracer_agent.openvino_engine import engine_of, openvino_files, openvino_model
from deepracer_agent.tensorflow_graph import MAX_NUMBERS, read_graph, tensor_names
from deepracer_agent.tensorflow_messages import GraphDef
from deepracer_agent.tensorflow_writer import GraphWriter
from deepracer_sim.errors import UserError

with np.load(Path(__file__).with_name("frozen_graphs.npz"), allow_pickle=False) as file:
    FROZEN = dict(file)
FIVE = DiscreteActions(tuple(Command(angle, 1.0) for angle in (0.4, 0.2, 0.0, -0.2, -0.4)))
METADATA = {
    "discrete": replace(load_metadata("default"), action_space=FIVE),
    "batchnorm": replace(load_metadata("default"), action_space=FIVE),
    "continuous": load_metadata("continuous"),
    "sac": load_metadata("sac"),
}
PPO = METADATA["continuous"]


def frozen(kind):
    return FROZEN[f"{kind}_graph"].tobytes()


@pytest.mark.parametrize("kind", METADATA)
def test_what_tensorflow_froze_drives_as_it_did_there(kind):
    found = engine_of(frozen(kind), METADATA[kind])(FROZEN["frames"])
    if kind in ("continuous", "sac"):
        found = found.clip(-1, 1)  # as the policy does
    assert found == pytest.approx(FROZEN[f"{kind}_actions"], abs=1e-4)
    assert np.ptp(found, axis=0).max() > 0.1


@pytest.mark.parametrize("kind", METADATA)
def test_a_graph_that_was_read_is_read_again_alike(kind):
    once = read_graph(frozen(kind), METADATA[kind]).SerializeToString(deterministic=True)
    again = read_graph(once, METADATA[kind]).SerializeToString(deterministic=True)
    assert once == again


def test_only_what_leads_to_the_action_is_kept():
    graph = GraphDef.FromString(frozen("discrete"))
    graph.node.add(name="aside", op="ReadFile", input=["discrete"])
    unknown = graph.SerializeToString() + b"\x7a\x04code"  # a field 15
    kept = read_graph(unknown, METADATA["discrete"]).SerializeToString()
    assert b"ReadFile" not in kept
    assert b"code" not in kept


def named(graph, operator):
    return next(node for node in graph.node if node.op == operator)


def tensor(graph):
    return named(graph, "Const").attr["value"].tensor


def add_lidar(graph):
    graph.node.add(name="LIDAR", op="Placeholder")
    named(graph, "RealDiv").input[1] = "LIDAR"


def reshape_frames(graph, *shape):
    sizes = named(graph, "Placeholder").attr["shape"].shape
    for dim, size in zip(sizes.dim, shape, strict=True):
        dim.size = size


def rename(graph, name):
    relu = named(graph, "Relu")
    for node in graph.node:
        node.input[:] = [name if source == relu.name else source for source in node.input]
    relu.name = name


def set_strides(graph, *strides):
    named(graph, "Conv2D").attr["strides"].list.i[:] = strides


def set_shape(graph, *shape):
    sizes = tensor(graph).tensor_shape
    del sizes.dim[:]
    for size in shape:
        sizes.dim.add(size=size)


def empty(graph):
    tensor(graph).ClearField("float_val")
    set_shape(graph, 8, 8, 0, 4)


FAULTS = {
    "refers to a node 'nowhere'": lambda g: g.node[-1].input.append("nowhere"),
    "runs in a circle": lambda g: named(g, "Relu").input.append(g.node[-1].name),
    "two nodes of one name": lambda g: g.node.append(g.node[0]),
    "an operator 'ReadFile'": lambda g: setattr(named(g, "Relu"), "op", "ReadFile"),
    "an operator 'PyFunc'": lambda g: setattr(named(g, "Identity"), "op", "PyFunc"),
    "takes 'LIDAR'": add_lidar,
    r"the shape \[-1, 120, 160, 2\]": lambda g: reshape_frames(g, -1, 120, 160, 2),
    r"the shape \[-1, 480, 640, 1\]": lambda g: reshape_frames(g, -1, 480, 640, 1),
    "strides that are no sizes": lambda g: set_strides(g, 1, 0, 0, 1),
    "has 20 inputs": lambda g: named(g, "Relu").input.extend([g.node[0].name] * 19),
    "is empty": empty,
    r"has the shape \[-3\]": lambda g: set_shape(g, -3),
    r"has the shape \[1, 1, 1, 1, 1, 1, \.\.\.\]": lambda g: set_shape(g, *[1] * 9),
    r"has the shape \[99999999\]": lambda g: set_shape(g, 99_999_999),
    "of a type that no network needs": lambda g: setattr(tensor(g), "dtype", 7),
    "does not hold": lambda g: setattr(tensor(g), "tensor_content", b"123"),
    "which TensorFlow forbids": lambda g: rename(g, "\x1b[31mred"),
    "5,000": lambda g: [g.node.add(name=f"{n}", op="NoOp") for n in range(5_000)],
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_graph_with_a_fault_is_refused(words):
    graph = GraphDef.FromString(frozen("continuous"))
    FAULTS[words](graph)
    with pytest.raises(UserError, match=words):
        read_graph(graph.SerializeToString(), PPO)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (METADATA["sac"], "gives no main_level/agent/policy/online/network_0/sac_policy_head_0"),
        (replace(PPO, sensor="observation"), "the sensor in its metadata is .*/observation"),
        (METADATA["discrete"], "needs 5: the two files are of different models"),
    ],
)
def test_a_graph_of_another_model_is_refused(metadata, words):
    with pytest.raises(UserError, match=words):
        engine_of(frozen("continuous"), metadata)


def test_a_graph_that_does_not_look_is_refused():
    names = tensor_names(PPO)
    graph = GraphWriter(names.input, [-1, 120, 160, 1])
    graph.add("Tanh", graph.constant([[0.5, 0.5]]))
    with pytest.raises(UserError, match="does not depend on the camera"):
        read_graph(graph.finish(names.output), PPO)


def outer_product(graph, frames):
    """As many numbers as the square of the pixels."""
    graph.add("Reshape", "", graph.constant([-1, 1], np.int32), Tshape=3)
    column = graph.last
    graph.add("Reshape", frames, graph.constant([1, -1], np.int32), Tshape=3)
    graph.add("Mul", "", column)


def constants(graph, frames):
    """Many numbers that need no frame."""
    ones = [graph.constant(np.full(shape, 2.0)) for shape in ((9_000, 1), (1, 9_000))]
    graph.add("Mul", *ones)
    graph.add("Mean", "", graph.constant([0, 1], np.int32))
    graph.add("Mul", "", frames)


def padding(graph, frames):
    sizes = graph.constant([[0, 0], [100_000, 0], [100_000, 0], [0, 0]], np.int32)
    graph.add("Pad", "", sizes, Tpaddings=3)


@pytest.mark.parametrize(
    ("grow", "words"),
    [
        (outer_product, "numbers for one frame"),
        (constants, "makes too many numbers out of few"),
        (padding, "makes pictures too large"),
    ],
)
def test_a_small_graph_that_grows_when_it_runs_is_refused(grow, words):
    names = tensor_names(PPO)
    graph = GraphWriter(names.input, [-1, 120, 160, 1])
    grow(graph, names.input)
    graph.add("Reshape", "", graph.constant([-1, 2], np.int32), Tshape=3)
    with pytest.raises(UserError, match=words):
        engine_of(graph.finish(names.output), PPO)


def test_all_constants_together_are_limited():
    names = tensor_names(PPO)
    graph = GraphWriter(names.input, [-1, 120, 160, 1])
    for _ in range(3):
        graph.add("Add", "", graph.constant([0.0, 0.0]))
    message = GraphDef.FromString(graph.finish(names.output))
    for node in message.node:
        if node.op == "Const":  # one value stands for all
            constant = node.attr["value"].tensor
            constant.ClearField("tensor_content")
            constant.float_val.append(0.0)
            constant.tensor_shape.dim[0].size = MAX_NUMBERS // 2
    with pytest.raises(UserError, match="all together may hold"):
        read_graph(message.SerializeToString(), PPO)


def sized(field, content):
    """A field of a protobuf message, of any content."""
    size, count = b"", len(content)
    while count > 0x7F:
        size, count = size + bytes([count & 0x7F | 0x80]), count >> 7
    return bytes([field << 3 | 2]) + size + bytes([count]) + content


def attribute(value):
    """A graph of one node with one attribute."""
    return sized(1, sized(5, sized(1, b"value") + sized(2, value)))


MANY = 600_000
SWOLLEN = {
    "nodes": sized(1, b"") * MANY,
    "inputs": sized(1, sized(3, b"") * MANY),
    "attributes": sized(1, sized(5, b"") * MANY),
    "sizes": attribute(sized(7, sized(2, b"") * MANY)),
    "shapes": attribute(sized(1, sized(7, b"") * MANY)),
    "packed numbers": attribute(sized(8, sized(10, bytes(MANY)))),
    "unknown fields": sized(15, b"") * MANY,
}


@pytest.mark.parametrize("of", SWOLLEN)
def test_a_graph_that_grows_when_it_is_parsed_is_refused_before(monkeypatch, of):
    monkeypatch.setattr(tensorflow_graph, "GraphDef", None)
    with pytest.raises(UserError, match="more than 500,000 fields"):
        read_graph(SWOLLEN[of], PPO)


@pytest.mark.parametrize("size", [b"\x80\x80\x80\x80\x80\x01", b"\x05", b"\xff" * 11])
def test_a_field_that_ends_elsewhere_is_refused_before_it_is_parsed(monkeypatch, size):
    monkeypatch.setattr(tensorflow_graph, "GraphDef", None)
    with pytest.raises(UserError, match="is damaged"):
        read_graph(b"\x0a" + size + b"\x0a\x00", PPO)


@contextmanager
def full_disk():
    """No file can grow beyond 1 kB in here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told():
    graph = read_graph(frozen("continuous"), PPO)
    with full_disk(), pytest.raises(UserError, match="cannot be written .*: make room"):
        openvino_model(graph)
    network = openvino_model(graph)
    with full_disk(), pytest.raises(UserError, match="cannot be written .*: make room"):
        openvino_files(network)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    with pytest.raises(UserError):
        read_graph(data, PPO)


@given(st.integers(0, len(frozen("continuous")) - 1))
def test_any_beginning_of_a_graph_is_refused(size):
    with pytest.raises(UserError):
        read_graph(frozen("continuous")[:size], PPO)


@given(st.data())
def test_a_graph_with_other_bytes_in_it_is_refused_or_read(data):
    graph = bytearray(frozen("sac"))
    for _ in range(data.draw(st.integers(1, 4))):
        graph[data.draw(st.integers(0, len(graph) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UserError):
        kept = read_graph(bytes(graph), METADATA["sac"])
        read_graph(kept.SerializeToString(), METADATA["sac"])
