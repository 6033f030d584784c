"""The $(...) in a launch file's text.

The grammar is that of ROS 2's launch: a backslash takes the next character as it is, and what
stands in $( ) may be quoted and nested.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deepracer_cli.launch_packages import share_of

_NAME = re.compile(r"[A-Za-z][\w-]*")
_HOLE = "\0"  # stands for a substitution while the text round it is split; XML cannot contain it


@dataclass
class Scope:
    """What a substitution can see, and what the actions of a file change."""

    file: Path
    values: dict[str, str]  # of arguments and variables
    environment: dict[str, str]
    namespace: str = ""  # absolute, or empty


class Call(NamedTuple):
    """One $(name argument ...)."""

    name: str
    arguments: list["Template"]


Template = list[str | Call]


def expand(text: str, scope: Scope) -> str:
    """Return the text with its substitutions made. Raises ValueError, UserError."""
    return _joined(parse(text), scope)


def split(text: str, scope: Scope) -> list[str]:
    """Return the words of a command line; what is substituted is not split. Raises ValueError."""
    template = parse(text)
    values = iter([_value(part, scope) for part in template if isinstance(part, Call)])
    holed = "".join(part if isinstance(part, str) else _HOLE for part in template)
    return [_filled(word, values) for word in shlex.split(holed)]


def holds(text: str, scope: Scope) -> bool:
    """Return whether a condition is true. Raises ValueError where it is neither true nor false."""
    value = expand(text, scope)
    word = value.strip().lower()
    if word not in ("true", "1", "false", "0"):
        raise ValueError(f"the condition {text!r} is {value!r}; it must be true or false")
    return word in ("true", "1")


def parse(text: str) -> Template:
    """Return the text's parts. Raises ValueError where it is malformed."""
    return _template(text, 0, "")[0]


def _template(text: str, at: int, stops: str) -> tuple[Template, int]:
    """Read on until one of the characters `stops`; return the parts and where that is."""
    parts: Template = []
    while at < len(text) and text[at] not in stops:
        if text.startswith("$(", at):
            call, at = _call(text, at)
            parts.append(call)
            continue
        if text[at] == "$":
            raise ValueError(f"a $ that begins no $(...) is written \\$: {text!r}")
        at += text[at] == "\\"
        parts.append(text[at : at + 1])
        at += 1
    return parts, at


def _call(text: str, start: int) -> tuple[Call, int]:
    """Read the $(...) that begins at `start`; return it and where it ends."""
    name = _NAME.match(text, start + 2)
    at = name.end() if name else len(text)
    arguments = []
    while text.startswith(" ", at):
        quoted = text.startswith(("'", '"'), at + 1)
        argument, end = _template(text, at + 1 + quoted, text[at + 1] if quoted else " )")
        arguments.append(argument)
        at = end + quoted
    if name is None or not text.startswith(")", at):
        raise ValueError(f"the substitution {text[start:]!r} is not of the form $(name argument)")
    return Call(name.group(), arguments), at + 1


def _joined(template: Template, scope: Scope) -> str:
    return "".join(part if isinstance(part, str) else _value(part, scope) for part in template)


def _value(call: Call, scope: Scope) -> str:
    match call.name, [_joined(argument, scope) for argument in call.arguments]:
        case "var", [name]:
            return _looked_up(name, scope.values, "variable")
        case "env", [name]:
            return _looked_up(name, scope.environment, "environment variable")
        case "env", [name, default]:
            return scope.environment.get(name, default)
        case "find-pkg-share", [package]:
            return str(share_of(package))
        case "dirname", []:
            return str(scope.file.parent)
    raise ValueError(
        f"the substitution $({call.name}) with {len(call.arguments)} arguments is not known here. "
        "Known are $(var name), $(env name), $(env name default), $(find-pkg-share package) "
        "and $(dirname)"
    )


def _looked_up(name: str, values: dict[str, str], kind: str) -> str:
    if name not in values:
        raise ValueError(f"the {kind} {name!r} is not set")
    return values[name]


def _filled(word: str, values: Iterator[str]) -> str:
    return re.sub(_HOLE, lambda _: next(values), word)
