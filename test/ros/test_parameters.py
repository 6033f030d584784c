"""Parameters: of the type of their default, within their bounds, and described."""

import math

import pytest
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter

from deepracer_ros.parameters import checked, parameter
from deepracer_sim.errors import UserError


@pytest.mark.parametrize(
    ("given", "default", "value"),
    [
        (3, 1.0, 3.0),  # launch files write 2 where 2.0 is meant
        (3.5, 1.0, 3.5),
        (3, 1, 3),
        (True, False, True),
        ("text", "", "text"),
        (2018, "", "2018"),  # a name made of digits arrives as a number
    ],
)
def test_values_become_the_type_of_the_default(given, default, value):
    found = checked("x", given, default)
    assert found == value
    assert type(found) is type(default)


@pytest.mark.parametrize(
    ("given", "default", "words"),
    [
        ("many", 1, "The parameter x is 'many'; it must be a whole number."),
        (1.5, 1, "a whole number"),
        (True, 1, "a whole number"),
        (True, 1.0, "a number"),
        ("1", 1.0, "a number"),
        (math.nan, 1.0, "a number"),
        (-math.inf, 1.0, "a number"),
        (1, False, "true or false"),
        ("true", False, "true or false"),
        (False, "", "text"),
        (None, "", "text"),
        ([1], 1, "a whole number"),
    ],
)
def test_values_of_another_type_are_refused(given, default, words):
    with pytest.raises(UserError, match=words):
        checked("x", given, default)


@pytest.mark.parametrize(
    ("value", "words"), [(0, "is 0; it must be at least 1 and at most 9"), (10, "at most 9")]
)
def test_values_out_of_bounds_are_refused(value, words):
    with pytest.raises(UserError, match=words):
        checked("x", value, 5, 1, 9)
    assert checked("x", 1, 5, 1, 9) == 1
    assert checked("x", 9, 5, 1, 9) == 9


def test_one_bound_is_said_alone():
    with pytest.raises(UserError, match=r"it must be at least 0\.$"):
        checked("x", -1.0, 5.0, low=0.0)


def test_a_declared_parameter_is_described_and_cannot_be_changed_unless_said(peer):
    assert parameter(peer.node, "fixed", 1.0, "How fast, m/s.") == 1.0
    assert parameter(peer.node, "free", 1.0, "How far, m.", read_only=False) == 1.0
    assert peer.node.describe_parameter("fixed").description == "How fast, m/s."
    fixed, free = peer.node.set_parameters([Parameter(name, value=2) for name in ("fixed", "free")])
    assert not fixed.successful
    assert free.successful
    assert peer.node.get_parameter("free").get_parameter_value().type == (
        ParameterType.PARAMETER_INTEGER
    )
