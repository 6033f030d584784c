"""Reading our own YAML files: mappings of numbers, each within a range."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deepracer_sim.errors import UserError


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML's own keeps the last."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        known = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in known:
                    what = f"the key {key.value!r} is given twice"
                    raise yaml.composer.ComposerError(None, None, what, key.start_mark)
                known.add((key.tag, key.value))
        return node


def load_yaml(content: str | bytes) -> Any:
    """Decode YAML that people write. Raises YAMLError, and what Python does for odd values."""
    return yaml.load(content, _Loader)


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return the content of a YAML file. Raises UserError unless it is keys with values."""
    try:
        data = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a YAML file: {error}") from error
    return check_mapping(data, f"{path}, the file")


def check_mapping(data: Any, where: str) -> dict[Any, Any]:
    """Return `data` if it is keys with values. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected keys with values, found {data!r}.")
    return data


def check_numbers(
    values: dict[Any, Any], ranges: Mapping[str, tuple[float, float]], where: str
) -> None:
    """Raise UserError unless the keys are exactly those of `ranges`, each a number within its."""
    for key in values.keys() - ranges.keys():
        raise UserError(f"{where}: unknown key {key!r}. Known: {', '.join(ranges)}.")
    for key, (low, high) in ranges.items():
        if key not in values:
            raise UserError(f"{where}, {key}: is missing.")
        value = values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{where}, {key}: expected a number, found {value!r}.")
        if not low <= value <= high:  # also catches nan
            raise UserError(f"{where}, {key}: must be from {low:g} to {high:g}, found {value}.")
