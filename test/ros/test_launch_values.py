"""What a launch file says is what a node's parameter is."""

import rclpy
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.node import Node

from deepracer_cli.launch_file import as_yaml

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
tricky = st.sampled_from(
    [
        *("true", "null", "on", "1e5", "0x10", "2018", "007", ".inf", "2024-01-01"),
        *("a: b", "- a", "#x", "%x", "{", "*a", "!!str x", "'", '"', "\\n", "  x  "),
        *("\n", "\u2028", "\x85", "\ufeff", "\U0001f600", "a:=b", "--", "--ros-args"),
    ]
)


def parameters(values, kind):
    """What a node takes such values for."""
    arguments = ["--ros-args"]
    for number, value in enumerate(values):
        arguments += ["-p", f"p{number}:={as_yaml(value, kind)}"]
    context = rclpy.Context()
    context.init(args=arguments)
    node = Node("test", context=context, automatically_declare_parameters_from_overrides=True)
    try:
        return [node.get_parameter(f"p{number}").value for number in range(len(values))]
    finally:
        node.destroy_node()
        context.shutdown()


def test_any_text_survives(domain):
    @settings(max_examples=10, deadline=None)
    @given(st.lists(tricky | texts, min_size=1, max_size=30))
    def check(values):
        assert parameters(values, "str") == values

    check()


def test_without_a_type_a_value_is_what_ros2_launch_makes_of_it(domain):
    values = ["true", "on", "2", "2.5", "1e5", "word", "two words", "'2'", "", "[1, 2]"]
    expected = [True, True, 2, 2.5, 1e5, "word", "two words", "2", "", [1, 2]]
    assert parameters(values, None) == expected
