"""Configuration files in JSON: found, read, refused."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent import config_file
from deepracer_agent.config_file import check_number, check_object, check_whole, find, read
from deepracer_sim.errors import UserError


def read_bytes(tmp_path, content):
    path = tmp_path / "some.json"
    path.write_bytes(content)
    return read(path, lambda data: data)


def test_an_object_is_read(tmp_path):
    assert read_bytes(tmp_path, b'{"a": [1, 2.5, "\xc3\xa9"]}') == {"a": [1, 2.5, "é"]}


def test_a_key_that_is_there_twice_among_many_is_found_soon(tmp_path):
    keys = "".join(f'"{n:x}": 0,' for n in range(100_000))
    (tmp_path / "some.json").write_text(f'{{{keys} "twice": 0, "twice": 0}}')
    code = """
from pathlib import Path
from deepracer_agent.config_file import read
read(Path("some.json"), lambda data: data, 2_000_000)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,  # s; minutes are needed to compare each with each
    )
    assert "'twice' is given twice" in ran.stderr


def test_a_byte_order_mark_is_no_error(tmp_path):
    assert read_bytes(tmp_path, b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b'{"a": 1', "line 1, column 8"),
        (b"\xef\xbb\xbf", "line 1, column 1"),
        (b"[1, 2]", "a JSON object"),
        (b"3", "a JSON object"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is given twice"),
        (b"\x80\x02}q\x00.", "not UTF-8"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        (b'{"a": "' + b"x" * config_file.MAX_BYTES + b'"}', "is larger than"),
    ],
)
def test_bad_content_is_refused_with_its_place(tmp_path, content, said):
    with pytest.raises(UserError, match=said) as caught:
        read_bytes(tmp_path, content)
    assert str(tmp_path / "some.json") in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match=str(path)):
            read(path, lambda data: data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "secret.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(UserError, match="Permission denied"):
        read(path, lambda data: data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_a_user_error(tmp_path_factory, content):
    with suppress(UserError):
        assert isinstance(read_bytes(tmp_path_factory.mktemp("any"), content), dict)


def test_a_name_is_a_shipped_file_and_anything_with_a_folder_or_ending_is_a_path():
    assert find("default", "actions").is_file()
    assert str(find("default.json", "actions")) == "default.json"
    assert str(find("my/default", "actions")) == "my/default"


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(UserError, match=r"'defualt'.*Did you mean 'default'.*service_2022"):
        find("defualt", "actions")


@pytest.mark.parametrize("value", [True, None, "1", [1], float("nan"), float("inf"), 10**400, 5.1])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(UserError, match=r"key is .* from 0 to 5 m/s"):
        check_number(value, "key", 0, 5, "m/s")
    with pytest.raises(UserError, match=r"key is .* a whole number from 0 to 5"):
        check_whole(value, "key", 0, 5)


def test_numbers_in_range_are_returned():
    assert check_number(5, "key", 0, 5) == 5.0
    assert isinstance(check_number(5, "key", 0, 5), float)
    assert check_whole(5.0, "key", 0, 5) == 5
    assert isinstance(check_whole(5.0, "key", 0, 5), int)


def test_whole_numbers_are_whole():
    with pytest.raises(UserError, match=r"2\.5"):
        check_whole(2.5, "key", 0, 5)


def test_objects_have_known_and_needed_keys():
    assert check_object({"a": 1}, "here", ["a"], ["b"]) == {"a": 1}
    with pytest.raises(UserError, match="here: the key 'a' is missing"):
        check_object({"b": 1}, "here", ["a"], ["b"])
    with pytest.raises(UserError, match=r"here: unknown key 'speeed'. Did you mean 'speed'"):
        check_object({"speeed": 1}, "here", [], ["speed"])
    with pytest.raises(UserError, match="here is 3"):
        check_object(3, "here", [], [])


def test_long_values_are_shortened_in_messages():
    with pytest.raises(UserError) as caught:
        check_number(["x" * 1000] * 1000, "key", 0, 5)
    assert len(str(caught.value)) < 500
