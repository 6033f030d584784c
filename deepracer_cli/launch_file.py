"""ROS 2's XML launch files, read where ROS 2 has no launch: what processes a file describes.

Of the format this is the part that our own files and small ones of users need; what it knows means
the same as for `ros2 launch`, and what it does not know is refused by name.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deepracer_cli.launch_packages import executable_of
from deepracer_cli.launch_text import Scope, expand, holds, split
from deepracer_cli.launch_xml import Element, read_xml
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

_SUFFIX = ".launch.xml"


class Argument(NamedTuple):
    """What a file lets its user say."""

    name: str
    default: str | None  # as written; None: the user must say it
    description: str


@dataclass(frozen=True)
class Process:
    """What to run."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]  # all of it
    ends_launch: bool  # everything ends when this ends


def shipped() -> list[str]:
    """Return the names of the launch files that come with the project, without `.launch.xml`."""
    folder = share_directory() / "launch"
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def find(name: str) -> Path:
    """Return the path of a launch file: a shipped one's name, or a path. Raises UserError."""
    if (known := name.removesuffix(_SUFFIX)) in shipped():
        return share_directory() / "launch" / (known + _SUFFIX)
    if os.path.isfile(name):  # unlike Path.is_file, it raises nothing
        return Path(name)
    raise UserError(
        f"There is no launch file {name!r}. Name one of {', '.join(shipped())}, "
        "or give the path of a file."
    )


def arguments(path: Path) -> list[Argument]:
    """Return the arguments that a file declares. Raises UserError."""
    return [
        Argument(
            element.attributes["name"],
            element.attributes.get("default"),
            element.attributes.get("description", ""),
        )
        for element in _declarations(read_xml(path))
    ]


def parse_arguments(texts: Iterable[str]) -> dict[str, str]:
    """Return values by name from texts of the form name:=value. Raises UserError."""
    values = {}
    for text in texts:
        name, separator, value = text.partition(":=")
        if not (name and separator and value):
            raise UserError(f"{text!r} is not of the form name:=value.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise UserError(f"The value of {name} is not UTF-8: {value!r}.")
        values[name] = value
    return values


def processes(path: Path, values: dict[str, str]) -> list[Process]:
    """Return what a file describes, given values for its arguments. Raises UserError."""
    _check_values(arguments(path), values, path)
    scope = Scope(path.absolute(), dict(values), dict(os.environ))
    return list(_visited(read_xml(path).children, scope, (scope.file,)))


def _declarations(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.tag == "arg":
            yield child
        elif child.tag == "group":
            yield from _declarations(child)


def _check_values(declared: list[Argument], values: dict[str, str], path: Path) -> None:
    names = [argument.name for argument in declared]
    for name in values:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            known = ", ".join(names) or "none"
            raise UserError(f"{path.name} has no argument {name!r}.{hint} It has: {known}.")
    lacking = [a for a in declared if a.default is None and a.name not in values]
    if lacking:
        words = "; ".join(f"{a.name}:=VALUE ({a.description})" for a in lacking)
        raise UserError(f"{path.name} must be told: {words}.")


def _visited(
    elements: Iterable[Element], scope: Scope, files: tuple[Path, ...]
) -> Iterator[Process]:
    """Do what the elements say, in order, and yield the processes they describe."""
    for element in elements:
        try:
            if _applies(element, scope):
                yield from _visit(element, scope, files)
        except ValueError as error:
            raise UserError(f"{scope.file}, line {element.line}: {error}.") from error


def _applies(element: Element, scope: Scope) -> bool:
    conditions = {"if": True, "unless": False}
    return all(
        holds(element.attributes[name], scope) is wanted
        for name, wanted in conditions.items()
        if name in element.attributes
    )


def _visit(element: Element, scope: Scope, files: tuple[Path, ...]) -> Iterator[Process]:
    get = _getter(element, scope)
    match element.tag:
        case "arg":
            if get("name") not in scope.values:
                scope.values[get("name")] = _default(element, scope)
        case "let":
            scope.values[get("name")] = get("value")
        case "set_env":
            _set_variable(scope.environment, get("name"), get("value"))
        case "push_ros_namespace" | "push-ros-namespace":
            scope.namespace = _below(scope.namespace, get("namespace"))
        case "group":
            inner = replace(scope, values={**scope.values}, environment={**scope.environment})
            yield from _visited(element.children, inner, files)
        case "include":
            yield from _included(element, scope, files)
        case "executable":
            command = split(element.attributes["cmd"], scope)
            if not command:
                raise ValueError("the command is empty")
            yield _process(element, scope, command, get("name") or Path(command[0]).name)
        case "node":
            yield _process(element, scope, _node_command(element, scope), get("exec"))


def _getter(element: Element, scope: Scope) -> Callable[[str], str]:
    """Return a function that gives an attribute's text, substitutions made; empty if not there."""
    return lambda name: expand(element.attributes.get(name, ""), scope)


def _default(element: Element, scope: Scope) -> str:
    if "default" not in element.attributes:
        raise ValueError(f"the argument {element.attributes['name']!r} has no value")
    return expand(element.attributes["default"], scope)


def _set_variable(environment: dict[str, str], name: str, value: str) -> None:
    if not name or "=" in name:
        raise ValueError(f"{name!r} cannot name an environment variable")
    environment[name] = value


def _below(namespace: str, name: str) -> str:
    if name.startswith("/"):
        return name.rstrip("/")
    return f"{namespace}/{name.rstrip('/')}" if name else namespace


def _included(element: Element, scope: Scope, files: tuple[Path, ...]) -> Iterator[Process]:
    """As in ROS, the file shares the variables of the one that includes it."""
    path = Path(os.path.abspath(expand(element.attributes["file"], scope)))
    if path in files:
        raise ValueError(f"{path} includes itself")
    for child in element.children:
        get = _getter(child, scope)
        scope.values[get("name")] = get("value")
    inner = replace(scope, file=path)
    yield from _visited(read_xml(path).children, inner, (*files, path))
    scope.namespace = inner.namespace


def _process(element: Element, scope: Scope, command: list[str], name: str) -> Process:
    environment = dict(scope.environment)
    for child in element.children:
        if child.tag == "env":
            get = _getter(child, scope)
            _set_variable(environment, get("name"), get("value"))
    return Process(name, tuple(command), environment, "on_exit" in element.attributes)


def _node_command(element: Element, scope: Scope) -> list[str]:
    get = _getter(element, scope)
    command = executable_of(get("pkg"), get("exec"))
    command += split(element.attributes.get("args", ""), scope)
    command += ["--ros-args"]
    if name := get("name"):
        command += ["-r", f"__node:={name}"]
    if namespace := _below(scope.namespace, get("namespace")):
        command += ["-r", f"__ns:={namespace}"]
    for child in element.children:
        get = _getter(child, scope)
        if child.tag == "param":
            value = as_yaml(get("value"), child.attributes.get("type"))
            command += ["-p", f"{get('name')}:={value}"]
        elif child.tag == "remap":
            command += ["-r", f"{get('from')}:={get('to')}"]
    return command


def as_yaml(text: str, kind: str | None) -> str:
    """Return a parameter's value as ROS is given it: for "str" the text itself, else what the text
    is as YAML. Raises ValueError where that is no number, truth, text, or list of one of them.
    """
    if kind == "str" or not text:
        return _dumped(text, default_style='"')
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{text!r} is not YAML; for text, add type="str"') from error
    items = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in items}
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        raise ValueError(f'{text!r} is no value of a parameter; for text, add type="str"')
    return _dumped(value)


def _dumped(value: Any, **options: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), **options)
    return str(text).removesuffix("...\n").rstrip("\n")
