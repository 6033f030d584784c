"""Configuration in JSON: where a file is found, how it is read and checked.

People write these files by hand and download them, so every reader here answers bad content
with a UserError that names the file, the key, what was found and what is accepted.
"""

import difflib
import json
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

Parsed = TypeVar("Parsed")

MAX_BYTES = 1_000_000  # a configuration of a few kilobytes is normal

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60


def shown(value: object) -> str:
    """Return what was found in a file, short enough for an error message."""
    return _repr.repr(value)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'X'?"` for the known name nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def shipped(folder: str) -> list[str]:
    """Return the names of the shipped files of config/`folder`, sorted."""
    return sorted(path.stem for path in (share_directory() / "config" / folder).glob("*.json"))


def find(name_or_path: str | Path, folder: str) -> Path:
    """Return the file that a person means: a path, or a shipped name of config/`folder`.

    What has a folder or ends in .json is a path. Raises UserError for an unknown name.
    """
    path = Path(name_or_path)
    if path.suffix == ".json" or len(path.parts) != 1:
        return path
    known = shipped(folder)
    if path.name not in known:
        raise UserError(
            f"No {folder} named {path.name!r}.{suggestion(path.name, known)} "
            f"Shipped are {', '.join(known)}; or give the path of a .json file."
        )
    return share_directory() / "config" / folder / f"{path.name}.json"


def read(
    path: Path, parse: Callable[[dict[str, Any]], Parsed], max_bytes: int = MAX_BYTES
) -> Parsed:
    """Read a file that holds one JSON object and turn it into what `parse` makes of it.

    Raises UserError, with the path in front, where the file cannot be read, is not a JSON
    object (line and column) or is larger than `max_bytes`, or where `parse` raises one.
    """
    try:
        return parse(json_object(read_text(path, max_bytes)))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_text(path: Path, max_bytes: int) -> str:
    """Read a text file of at most `max_bytes`; never more than that is held in memory.

    Raises UserError, without the path, for a file that is missing, empty, too large or not UTF-8.
    """
    try:
        if not path.is_file():
            raise UserError("there is no such file.")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}.") from error
    return decode(content, max_bytes)


def decode(content: bytes, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file. Raises UserError, as `read_text`."""
    if len(content) > max_bytes:
        raise UserError(f"is larger than {max_bytes} bytes. Is it the right file?")
    if not content.strip():
        raise UserError("the file is empty.")
    try:
        return content.decode("utf-8-sig")  # editors on Windows put a byte order mark in front
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text (byte {error.start}).") from error


def json_object(text: str) -> dict[str, Any]:
    """Decode a text that is one JSON object. Raises UserError with line and column."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"{place}: this is not JSON: {error.msg}.") from error
    except RecursionError as error:
        raise UserError("its lists or objects are nested too deeply.") from error
    except ValueError as error:  # an int of thousands of digits
        raise UserError(f"this is not JSON that can be read: {error}.") from error
    return check_type(data, "the content", dict, "a JSON object, {...}")


def check_object(
    value: object, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, Any]:
    """Return `value` if it is an object with all `required` keys and only known ones.

    `where` names it in the errors, "" for the file itself. Raises UserError with the key that is
    missing or unknown.
    """
    needed, known = list(required), [*required, *optional]
    prefix = f"{where}: " if where else ""
    data = check_type(value, where or "the content", dict, f"an object with {_listed(known)}")
    for key in data:
        if key not in known:
            raise UserError(
                f"{prefix}unknown key {shown(key)}.{suggestion(key, known)} "
                f"Known are {_listed(known)}."
            )
    for key in needed:
        if key not in data:
            raise UserError(f"{prefix}the key {key!r} is missing. Known are {_listed(known)}.")
    return data


def check_number(value: object, key: str, low: float, high: float, unit: str = "") -> float:
    """Return `value` as a float if it is a number in [low, high]; NaN and text are not.

    Raises UserError with key, value and the accepted range.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    accepted = f"a number from {low:g} to {high:g} {unit}".rstrip()
    raise UserError(f"{key} is {shown(value)}; accepted is {accepted}.")


def check_whole(value: object, key: str, low: int, high: int) -> int:
    """Return `value` as an int if it is a whole number in [low, high]; 64.0 is one.

    Raises UserError with key, value and the accepted range.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        whole = int(value)
        if whole == value:
            return whole
    raise UserError(f"{key} is {shown(value)}; accepted is a whole number from {low} to {high}.")


def check_choice(value: object, key: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`. Raises UserError with key, value, choices."""
    names = list(choices)
    if isinstance(value, str) and value in names:
        return value
    near = suggestion(value, names) if isinstance(value, str) else ""
    accepted = " or ".join(map(repr, names))
    raise UserError(f"{key} is {shown(value)}; accepted is {accepted}.{near}")


def check_type(value: object, key: str, kind: type[Parsed], accepted: str) -> Parsed:
    """Return `value` if it is a `kind`. Raises UserError with key, value and `accepted`."""
    if isinstance(value, kind):
        return value
    raise UserError(f"{key} is {shown(value)}; accepted is {accepted}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _refuse_constant(name: str) -> None:
    raise UserError(f"{name} is not a JSON number. Every number must be finite.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a key given twice is a mistake, of which JSON keeps the last."""
    data = dict(pairs)
    if len(data) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise UserError(f"the key {shown(twice)} is given twice in one object.")
    return data
