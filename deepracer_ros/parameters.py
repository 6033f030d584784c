"""Parameters: declared with a description and checked, in one call each."""

import math
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from deepracer_sim.errors import UserError

Value = TypeVar("Value", str, int, float, bool)


def parameter(
    node: Node,
    name: str,
    default: Value,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    read_only: bool = True,
) -> Value:
    """Declare a parameter and return its value, of the type of its default.

    Raises UserError for a value of another type, or one that is not from low to high.
    """
    descriptor = ParameterDescriptor(
        description=description,
        read_only=read_only,
        dynamic_typing=True,  # else 2 is refused where 2.0 is meant
    )
    value = node.declare_parameter(name, default, descriptor).value
    return checked(name, value, default, low, high)


def checked(
    name: str, value: Any, default: Any, low: float | None = None, high: float | None = None
) -> Any:
    """Return a parameter's value as the type of its default. Raises UserError."""
    kind = type(default)
    if kind is str and isinstance(value, str | int | float) and not isinstance(value, bool):
        return kind(value)  # `name:=2018` arrives as a number
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise UserError(f"The parameter {name} is {value!r}; it must be {words[kind]}.")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"at least {low:g}"] if low is not None else []
        bounds += [f"at most {high:g}"] if high is not None else []
        raise UserError(f"The parameter {name} is {value}; it must be {' and '.join(bounds)}.")
    return value
