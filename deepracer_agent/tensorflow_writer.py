"""Frozen TensorFlow graphs, written without TensorFlow."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deepracer_agent.tensorflow_messages import PRODUCER, GraphDef
from deepracer_agent.tensorflow_tensor import FLOAT, write_tensor


class GraphWriter:
    """A frozen graph that grows node by node; each node takes the one before as its input."""

    def __init__(self, name: str, shape: list[int]) -> None:
        """Begin with the input, float; a size of -1 is not known beforehand."""
        self.graph = GraphDef()
        self.graph.versions.producer = PRODUCER
        self._scope = name.rpartition("/")[0]
        node = self.graph.node.add(name=name, op="Placeholder")
        node.attr["dtype"].type = FLOAT
        for size in shape:
            node.attr["shape"].shape.dim.add(size=size)
        self.last = name

    def add(self, operator: str, *inputs: str, **attributes: object) -> None:
        """Append a node; an input "" stands for the output of the node before.

        T, the type of its input, is float unless given.
        """
        name = f"{self._scope}/{operator}_{len(self.graph.node)}"
        names = [name or self.last for name in inputs or ("",)]
        node = self.graph.node.add(name=name, op=operator, input=names)
        for key, value in {"T": FLOAT, **attributes}.items():
            _set(node.attr[key], key, value)
        self.last = name

    def constant(self, value: ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Add an array, float32 or int32; return its name."""
        name = f"{self._scope}/Const_{len(self.graph.node)}"
        node = self.graph.node.add(name=name, op="Const")
        write_tensor(node.attr["value"].tensor, np.asarray(value, kind))
        node.attr["dtype"].type = node.attr["value"].tensor.dtype
        return name

    def finish(self, name: str) -> bytes:
        """Name the last node, and give the content of a model.pb."""
        self.graph.node[-1].name = name
        return bytes(self.graph.SerializeToString(deterministic=True))


def _set(attribute: Any, key: str, value: object) -> None:
    """Set an attribute of an operator; types have names with a T or "Index"."""
    if key.startswith("T") or key == "Index":
        attribute.type = value
    elif isinstance(value, bytes):
        attribute.s = value
    elif isinstance(value, int):
        attribute.i = value
    else:
        attribute.list.i.extend(value)
