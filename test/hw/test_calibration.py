import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_hw.calibration import (
    FILE,
    LONGEST,
    SHORTEST,
    STOCK,
    Actuator,
    Calibration,
    load_calibration,
    save_calibration,
)
from deepracer_sim.errors import UserError

pulses = st.lists(
    st.integers(SHORTEST, LONGEST), min_size=3, max_size=3, unique=True
).map(sorted)  # fmt: skip
actuators = st.builds(
    lambda three, sign: Actuator(three[0], three[1], three[2], sign),
    pulses,
    st.sampled_from((1, -1)),
)


@pytest.fixture
def path(fake_car, tmp_path):
    """The calibration file of a fake car whose root is tmp_path."""
    fake_car.make(tmp_path)
    return tmp_path / FILE


def broken(path, change):
    """Write the file again, with something changed."""
    data = json.loads(path.read_text())
    change(data["Calibration"])
    path.write_text(json.dumps(data))


def test_the_stock_file_is_read(path):
    assert load_calibration(path.parents[3]) == STOCK


@pytest.mark.parametrize(
    ("actuator", "value", "pulse"),
    [
        (STOCK.servo, 0.0, 1_450_000),
        (STOCK.servo, 1.0, 1_700_000),
        (STOCK.servo, -1.0, 1_200_000),
        (STOCK.servo, 0.5, 1_575_000),
        (STOCK.motor, 1.0, 1_311_000),  # its polarity is -1
        (STOCK.motor, -1.0, 1_603_500),
        (STOCK.motor, 0.5, 1_378_500),
        (STOCK.motor, -0.5, 1_524_750),
    ],
)
def test_the_reference_s_formula(actuator, value, pulse):
    assert actuator.pulse(value) == pulse


@given(actuators, st.floats(allow_nan=True, allow_infinity=True))
def test_no_value_leaves_the_range(actuator, value):
    assert actuator.min <= actuator.pulse(value) <= actuator.max


@given(actuators)
def test_what_is_no_number_is_neutral(actuator):
    assert {actuator.pulse(value) for value in (0.0, math.nan, math.inf, -math.inf)} == {
        actuator.mid
    }


@given(actuators, st.floats(-1, 1), st.floats(-1, 1))
def test_more_is_never_less(actuator, one, other):
    less, more = sorted((one, other))
    assert actuator.pulse(less) * actuator.polarity <= actuator.pulse(more) * actuator.polarity


@given(st.binary())
def test_any_bytes_are_a_calibration_or_an_error_with_the_path(tmp_path_factory, data):
    root = tmp_path_factory.getbasetemp() / "any_bytes"
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / FILE).write_bytes(data)
    with pytest.raises(UserError, match=r"calibration\.json.*deepracer car calibrate"):
        load_calibration(root)


@pytest.mark.parametrize(
    "text", ["[" * 90_000, "9" * 5000, '{"Calibration": NaN}', "[]", "\ufeff{}"]
)
def test_strange_json_is_an_error(path, text):
    path.write_text(text)
    with pytest.raises(UserError, match="deepracer car calibrate"):
        load_calibration(path.parents[3])


@pytest.mark.parametrize(
    ("key", "value"), [("Calibration", {}), ("Servo", {}), ("mid", 1_446_000), ("theirs", 1)]
)
def test_a_key_given_twice_is_refused(path, key, value):
    broken(path, lambda all: all.update(theirs=2))
    first = f'"{key}": '
    path.write_text(path.read_text().replace(first, f'"{key}": {json.dumps(value)}, {first}', 1))
    with pytest.raises(UserError, match=f"'{key}' is given twice.*deepracer car calibrate"):
        load_calibration(path.parents[3])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda all: all.pop("Motor"), "Motor is missing"),
        (lambda all: all["Servo"].pop("mid"), "Servo, mid"),
        (lambda all: all["Servo"].update(mid=1.45e6), "whole number"),
        (lambda all: all["Servo"].update(mid=True), "whole number"),
        (lambda all: all["Servo"].update(mid=1_700_000), "min < mid < max"),
        (lambda all: all["Servo"].update(min=1_800_000), "min < mid < max"),
        (lambda all: all["Motor"].update(max=20_000_000), "2500000"),
        (lambda all: all["Motor"].update(min=0), "500000"),
        (lambda all: all["Motor"].update(polarity=0), "polarity"),
        (lambda all: all["Motor"].update(polarity=2), "polarity"),
    ],
)
def test_each_value_is_checked(path, change, word):
    broken(path, change)
    with pytest.raises(UserError, match=word):
        load_calibration(path.parents[3])


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"Cannot read .*No such file.*deepracer car calibrate"):
        load_calibration(tmp_path)


def test_saving_keeps_what_else_is_there_and_the_old_file(path):
    broken(path, lambda all: all.update(theirs=1) or all["Servo"].update(note="left"))
    before = path.read_bytes()
    new = Calibration(STOCK.servo, Actuator(1_300_000, 1_450_000, 1_600_000, 1))
    kept = save_calibration(path.parents[3], new)
    assert kept.parent == path.parent
    assert kept.read_bytes() == before
    assert load_calibration(path.parents[3]) == new
    written = json.loads(path.read_text())["Calibration"]
    assert written["theirs"] == 1
    assert written["Servo"]["note"] == "left"
    assert written["version"] == 1


@pytest.mark.parametrize("before", [None, b"", b"\xff", b"[]", b'{"Calibration": []}'])
def test_a_file_is_made_where_there_is_no_good_one(tmp_path, before):
    if before is not None:
        (tmp_path / FILE).parent.mkdir(parents=True)
        (tmp_path / FILE).write_bytes(before)
    kept = save_calibration(tmp_path, STOCK)
    assert (kept and kept.read_bytes()) == before
    assert load_calibration(tmp_path) == STOCK
    assert json.loads((tmp_path / FILE).read_text())["Calibration"]["version"] == 1


@pytest.mark.parametrize(
    "wrong", [Actuator(1, 2, 3, 1), Actuator(1_200_000, 1_200_000, 1_300_000, 1)]
)
def test_what_would_not_be_read_is_not_written(path, wrong):
    before = path.read_bytes()
    with pytest.raises(UserError, match="Motor"):
        save_calibration(path.parents[3], Calibration(STOCK.servo, wrong))
    assert [one.read_bytes() for one in path.parent.iterdir()] == [before]


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        save_calibration(path.parents[3], STOCK)
    assert [one.read_bytes() for one in path.parent.iterdir()] == [before]
