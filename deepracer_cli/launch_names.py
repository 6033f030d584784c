"""The names that a launch file gives to nodes, checked: of a bad one ROS says many lines."""

import re

_TOKEN = "(?![A-Za-z0-9_]*__)[A-Za-z_][A-Za-z0-9_]*"
_NAME = re.compile(_TOKEN)
_NAMESPACE = re.compile(f"/?({_TOKEN}/)*({_TOKEN}/*)?")
_ALLOWED = "ROS allows letters, digits and _ (no digit first, no __)"


def node_name(name: str) -> str:
    """Return the name of a node. Raises ValueError where it is none."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a node: {_ALLOWED}")
    return name


def below(namespace: str, name: str) -> str:
    """Return the namespace `name`, seen from another one. Raises ValueError where it is none."""
    if not _NAMESPACE.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a namespace: {_ALLOWED}, and / between such names")
    if name.startswith("/"):
        return name.rstrip("/")
    return f"{namespace}/{name.rstrip('/')}" if name else namespace
