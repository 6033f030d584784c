"""ROS 2's XML launch files, read where ROS 2 has no launch: what processes a file describes.

Of the format this is the part that our own files and small ones of users need; what it knows means
the same as for `ros2 launch`, and what it does not know is refused by name.

As there, an included file shares the variables of the one that includes it: what the command line
says holds for its <arg>s, too, but for those that the include gives (or a <let> before it). Other
than there, a name that nothing would heed is refused, and the value of an included <arg> without a
default may come from the command line alone; `ros2 launch` wants the include to pass it on.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deepracer_cli.launch_names import below, node_name
from deepracer_cli.launch_packages import executable_of
from deepracer_cli.launch_text import Scope, expand, holds, split
from deepracer_cli.launch_xml import DEEPEST, Element, read_xml
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

_SUFFIX = ".launch.xml"


class Argument(NamedTuple):
    """What a file lets its user say."""

    name: str
    default: str | None  # as written; None: the user must say it
    description: str
    value: str | None = None  # that it has before its default
    certain: bool = True  # it stands under no condition, or under such as are known to hold


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


def arguments(path: Path, values: dict[str, str]) -> list[Argument]:
    """Return what a user can set in a file and in all that it includes. Raises UserError.

    Conditions are not asked. An include is passed over where `values` do not tell what it reads.
    """
    scope = _outermost(path, values)
    first: dict[str, Argument] = {}
    for argument in _declared(read_xml(path).children, scope, (scope.file,)):
        if argument.value == values.get(argument.name):  # else the file itself has set it
            first.setdefault(argument.name, argument)
    return list(first.values())


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
    declared = arguments(path, values)
    lacking = [a for a in declared if a.certain and a.default is None and a.value is None]
    described = []
    if not lacking:  # before names are judged: an include that fails may declare them
        scope = _outermost(path, values)
        described = list(_visited(read_xml(path).children, scope, (scope.file,)))
    _check_names(declared, values, path)
    if lacking:
        words = [f"{a.name}:=VALUE ({a.description or 'no description'})" for a in lacking]
        raise UserError(f"{path.name} must be told: {'; '.join(words)}.")
    return described


def _outermost(path: Path, values: dict[str, str]) -> Scope:
    return Scope(path.absolute(), dict(values), dict(os.environ))


def _inner(scope: Scope) -> Scope:
    return replace(scope, values={**scope.values}, environment={**scope.environment})


def _declared(
    elements: Iterable[Element], scope: Scope, files: tuple[Path, ...], certain: bool = True
) -> Iterator[Argument]:
    """Yield the arguments of all branches; what is not certain changes nothing outside itself."""
    for element in elements:
        applies = False
        with suppress(ValueError, UserError):  # should it be met, the visit tells
            applies = _applies(element, scope)
        here = scope if applies else _inner(scope)
        sure = certain and applies
        if element.tag == "arg":
            yield _argument(element, here, sure)
        with suppress(ValueError, UserError):
            match element.tag:
                case "arg" | "let" | "set_env":
                    list(_visit(element, here, files))
                case "group":
                    yield from _declared(element.children, _inner(here), files, sure)
                case "include":
                    children, inner = _entered(element, here, files)
                    yield from _declared(children, inner, (*files, inner.file), sure)


def _argument(element: Element, scope: Scope, certain: bool) -> Argument:
    get = element.attributes.get
    name = element.attributes["name"]
    value = scope.values.get(name)
    return Argument(name, get("default"), get("description", ""), value, certain)


def _check_names(declared: list[Argument], values: dict[str, str], path: Path) -> None:
    names = [argument.name for argument in declared]
    for name in values:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            known = ", ".join(names) or "none"
            raise UserError(f"{path.name} has no argument {name!r}.{hint} It has: {known}.")


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
            scope.namespace = below(scope.namespace, get("namespace"))
        case "group":
            yield from _visited(element.children, _inner(scope), files)
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
        name = element.attributes["name"]
        raise ValueError(f"the argument {name!r} has no value; add {name}:=VALUE")
    return expand(element.attributes["default"], scope)


def _set_variable(environment: dict[str, str], name: str, value: str) -> None:
    if not name or "=" in name:
        raise ValueError(f"{name!r} cannot name an environment variable")
    environment[name] = value


def _included(element: Element, scope: Scope, files: tuple[Path, ...]) -> Iterator[Process]:
    children, inner = _entered(element, scope, files)
    yield from _visited(children, inner, (*files, inner.file))
    scope.namespace = inner.namespace


def _entered(
    element: Element, scope: Scope, files: tuple[Path, ...]
) -> tuple[list[Element], Scope]:
    """Set what an include sets; return what is in its file, and the scope there."""
    path = Path(os.path.abspath(expand(element.attributes["file"], scope)))
    if path in files:
        raise ValueError(f"{path} includes itself")
    if len(files) == DEEPEST:
        raise ValueError(f"{path} is {DEEPEST} files deep in others: too deep")
    for child in element.children:
        get = _getter(child, scope)
        scope.values[get("name")] = get("value")
    return read_xml(path).children, replace(scope, file=path)


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
        command += ["-r", f"__node:={node_name(name)}"]
    if namespace := below(scope.namespace, get("namespace")):
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
