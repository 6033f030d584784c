import os

import pytest

from deepracer_agent.rewards import RewardError, load_reward
from deepracer_sim.errors import UserError


@pytest.mark.parametrize(
    "definition",
    ["def reward_function(params):", "def reward_function(params, weight=2.0):",
     "def reward_function(*everything):", "def reward_function(params, /):"],
)  # fmt: skip
def test_signatures_that_take_params(write, definition):
    assert load_reward(write(f"{definition}\n    return 3\n"))([{}]).tolist() == [3.0]


# Bad files: each names the file, the line where there is one, and what is wrong


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("def reward_function(params)\n    return 1\n", 1, "SyntaxError"),
        ("x = 1\ndef reward_function(params):\nreturn 1\n", 3, "IndentationError"),
        (b"def reward_function(params):\n    return '\xff'\n", None, "SyntaxError"),
        (b"x = 1\x00\n", None, "null"),
        ("", None, "reward_function is missing"),
        ("def reward(params):\n    return 1\n", None, "reward_function is missing"),
        ("reward_function = 3\n", None, "is not a function"),
        ("x = 1\ndef reward_function():\n    return 1\n", 2, "has 0 positional"),
        ("def reward_function(a, b):\n    return 1\n", 1, "has 2 positional"),
        ("def reward_function(params, *, weight):\n    return 1\n", 1, "weight"),
        ("reward_function = range\n", None, "no signature"),
        ("import math\nimport no_such_module.sub\n", 2, "pip install no_such_module"),
        ("from math import no_such_name\n", 1, "ImportError"),
        ("x = 1\nx / 0\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(0)\n", 2, "SystemExit"),
        ("def f():\n    f()\nf()\n", 2, "RecursionError"),
        ("(" * 5000, None, "SyntaxError|not Python"),
    ],
)
def test_files_that_cannot_be_loaded(write, source, line, said):
    path = write(source)
    with pytest.raises(RewardError, match=said) as error:
        load_reward(path)
    assert str(path) in str(error.value)
    if line:
        assert f"line {line}:" in str(error.value)
    assert issubclass(RewardError, UserError)


@pytest.mark.parametrize("start", ["x = 1\n\f\n", "# \u2028 \x85\n\n", "\r\n\r"])
def test_lines_are_counted_as_python_does(write, start):
    with pytest.raises(RewardError, match=r"line 3: ZeroDivisionError[^\n]*\n    1 / 0$"):
        load_reward(write(f"{start}1 / 0\n"))


@pytest.mark.parametrize("name", ["nowhere.py", "centre_line", "", ".", "x" * 300])
def test_no_such_reward(name):
    with pytest.raises(RewardError, match="No reward function|Cannot read"):
        load_reward(name)


def test_a_huge_file_is_not_read_as_code(write):
    with pytest.raises(RewardError, match="no reward function"):
        load_reward(write(b"#" * 2_000_000))


def test_a_file_without_an_end_is_not_read_to_it(write):
    path = write(b"")
    os.truncate(path, 10**12)  # more than there is memory, as /dev/zero
    with pytest.raises(RewardError, match="more than 1,000,000 bytes"):
        load_reward(path)
