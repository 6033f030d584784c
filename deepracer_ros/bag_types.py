"""Names: of topics, and of message types with their definitions as bags carry them."""

import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node

from deepracer_sim.errors import UserError

_PLAIN = re.compile(r"(bool|byte|char|w?string|float(32|64)|u?int(8|16|32|64))\b")


def full_names(node: Node, topics: Iterable[str]) -> set[str]:
    """Topic names in full, where those given may be relative to the node's namespace.

    Raises UserError where one is not good.
    """
    names = set()
    for topic in topics:
        try:
            names.add(node.resolve_topic_name(topic))
        except RuntimeError as error:
            reason = str(error).removeprefix("failed to resolve name: ").partition(", at /")[0]
            raise UserError(f"{topic!r} is no name of a topic: {reason}.") from error
    return names


def message_class(name: str) -> Any:
    """Return the class of `package/msg/Name`. Raises LookupError where it is not installed."""
    package, kind, type_name = name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), type_name)
    except (ImportError, AttributeError) as error:
        raise LookupError(name) from error


def definition(name: str) -> str:
    """Return the definition of `package/msg/Name` and of all that it is made of.

    Parted as MCAP's ros2msg encoding states: https://mcap.dev/spec/registry#ros2msg. Raises
    LookupError where one is not installed.
    """
    texts = {name: _text(name)}
    waiting = _parts(name, texts[name])
    while waiting:
        part = waiting.pop()
        if part not in texts:
            texts[part] = _text(part)
            waiting += _parts(part, texts[part])
    own = texts.pop(name)
    rest = [f"{'=' * 80}\nMSG: {part.replace('/msg/', '/')}\n{texts[part]}" for part in texts]
    return "\n".join([own, *rest])


def _text(name: str) -> str:
    package, kind, type_name = name.split("/")
    try:
        return (Path(get_package_share_directory(package)) / kind / f"{type_name}.msg").read_text()
    except OSError as error:
        raise LookupError(name) from error


def _parts(name: str, text: str) -> list[str]:
    """The types, other than the plain ones, that the fields of a definition have."""
    package = name.partition("/")[0]
    words = re.findall(r"^[ \t]*([A-Za-z][\w/]*)", text, re.MULTILINE)
    parts = [word.split("/") for word in words if not _PLAIN.match(word)]
    return [f"{part[0] if len(part) > 1 else package}/msg/{part[-1]}" for part in parts]
