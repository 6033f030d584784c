"""Launch files as trees of elements, and which elements and attributes `deepracer launch` knows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from deepracer_sim.errors import UserError


@dataclass
class Element:
    """An XML element. It has no text: that is refused."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list["Element"] = field(default_factory=list)


class _Form(NamedTuple):
    """What an element must and may have."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


_CONDITIONS = ("if", "unless")
_ACTIONS = (
    "arg",
    "executable",
    "group",
    "include",
    "let",
    "node",
    "push-ros-namespace",
    "push_ros_namespace",
    "set_env",
)
_SETTING = _Form(("name", "value"))
_PROCESS = ("name", "on_exit", "output", *_CONDITIONS)
_FORMS = {
    "launch": _Form(children=_ACTIONS),
    "arg": _Form(("name",), ("default", "description", *_CONDITIONS)),
    "executable": _Form(("cmd",), _PROCESS, ("env",)),
    "group": _Form((), _CONDITIONS, _ACTIONS),
    "include": _Form(("file",), _CONDITIONS, ("arg", "let")),
    "let": _Form(("name", "value"), _CONDITIONS),
    "node": _Form(("pkg", "exec"), (*_PROCESS, "args", "namespace"), ("env", "param", "remap")),
    "push-ros-namespace": _Form(("namespace",), _CONDITIONS),
    "push_ros_namespace": _Form(("namespace",), _CONDITIONS),
    "set_env": _Form(("name", "value"), _CONDITIONS),
    "env": _SETTING,
    "param": _Form(("name", "value"), ("type",)),
    "remap": _Form(("from", "to")),
}
_FIXED = {"on_exit": ("shutdown",), "output": ("both", "screen"), "type": ("str",)}
DEEPEST = 50  # elements in one another, and files, too: each takes some of Python's call depth
_OTHERS = (".py", ".yaml", ".yml")  # launch files in the other languages of ROS


def read_xml(path: Path) -> Element:
    """Return the checked <launch> element of a file.

    Raises UserError, with the line, for what cannot be read, is malformed or not known.
    """
    if path.suffix in _OTHERS:
        raise UserError(
            f"{path}: deepracer launch reads only XML launch files; `ros2 launch` reads the others."
        )
    try:
        root = _parse(path.read_bytes())
        if root.tag != "launch":
            raise ValueError(f"line {root.line}: <launch> is expected here, not <{root.tag}>")
        _check(root, _FORMS["launch"])
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path}, {error}.") from error
    return root


def _parse(content: bytes) -> Element:
    parser = expat.ParserCreate()
    root = Element("", {}, 0)
    stack = [root]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, parser.CurrentLineNumber)
        if len(stack) > DEEPEST:
            raise ValueError(
                f"line {element.line}: <{tag}> is {DEEPEST} elements deep in others: too deep"
            )
        stack[-1].children.append(element)
        stack.append(element)

    def text(data: str) -> None:
        if data.strip():
            raise ValueError(
                f"line {parser.CurrentLineNumber}: there is text in <{stack[-1].tag}>: "
                f"{data.strip()!r}"
            )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise ValueError(f"line {error.lineno}: this is not XML: {what}") from error
    return root.children[0]


def _check(element: Element, form: _Form) -> None:
    """Raise ValueError where an element, or one in it, is not of its form."""
    place = f"line {element.line}: <{element.tag}>"
    known = (*form.required, *form.optional)
    for name, value in element.attributes.items():
        if name not in known:
            raise ValueError(
                f"{place} has the attribute {name!r}, which deepracer launch does not know. "
                f"Known are: {', '.join(known) or 'none'}"
            )
        if value not in _FIXED.get(name, (value,)):
            choices = " or ".join(_FIXED[name])
            raise ValueError(f"{place} has {name}={value!r}; deepracer launch knows {choices}")
    if all(name in element.attributes for name in _CONDITIONS):
        raise ValueError(f"{place} has both 'if' and 'unless'; it can have one of them")
    for name in form.required:
        if name not in element.attributes:
            raise ValueError(f"{place} lacks the attribute {name!r}")
    for child in element.children:
        if child.tag not in form.children:
            raise ValueError(
                f"line {child.line}: <{child.tag}> in <{element.tag}> is not known to "
                f"deepracer launch. Known are: {', '.join(form.children) or 'none'}"
            )
        _check(child, _SETTING if element.tag == "include" else _FORMS[child.tag])
