import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_hw.calibration import FOLDER
from deepracer_hw.throttle import FILE, load_limits, load_throttle, stock_throttle
from deepracer_sim.car import load_car
from deepracer_sim.errors import UserError


@pytest.fixture
def write_table(tmp_path):
    """A function that writes a car's throttle.json below tmp_path."""
    (tmp_path / FOLDER).mkdir(parents=True)
    return lambda data: (tmp_path / FILE).write_text(json.dumps(data))


def test_the_limits_are_those_of_the_simulated_car():
    car = load_car("deepracer")
    assert load_limits() == pytest.approx((car.max_steering_angle, car.max_speed))


@pytest.mark.parametrize(("speed", "throttle"), [(0, 0), (2, 0.8), (4, 1), (9, 1), (1, 0.475)])
def test_without_a_table_it_is_the_stock_firmware_s_curve(tmp_path, speed, throttle):
    table = load_throttle(tmp_path, 4.0)
    assert table.throttle(speed) == pytest.approx(throttle)
    assert table.throttle(-speed) == pytest.approx(-throttle)


@given(st.floats(0, 4))
def test_between_its_points_the_curve_is_off_by_little(speed):
    exact = min(-1.2 / 16 * speed**2 + 2.2 / 4 * speed, 1.0)
    assert stock_throttle(4.0).throttle(speed) == pytest.approx(exact, abs=1e-4)


@given(st.floats(allow_nan=False))
def test_no_speed_asks_for_more_than_all(speed):
    throttle = stock_throttle(4.0).throttle(speed)
    assert abs(throttle) <= 1
    assert throttle == 0 or math.copysign(1, throttle) == math.copysign(1, speed)


def test_a_measured_table_is_followed(tmp_path, write_table):
    write_table({"throttle": [[0.5, 0.2], [1.5, 0.4]]})
    table = load_throttle(tmp_path, 4.0)
    for speed, throttle in ((0.25, 0.1), (0.5, 0.2), (1.0, 0.3), (1.5, 0.4), (4.0, 0.4)):
        assert table.throttle(speed) == pytest.approx(throttle)
        assert table.throttle(-speed) == pytest.approx(-throttle)


@pytest.mark.parametrize(
    "table",
    [
        None,
        {},
        [],
        [[0.5, 0.2, 1]],
        [[0.5, "0.2"]],
        [[0.5, True]],
        [[-0.5, 0.2]],
        [[0.0, 0.2]],
        [[0.5, 1.1]],
        [[math.nan, 0.2]],
        [[math.inf, 0.2]],
        [[10**400, 0.2]],
        [[1.0, 0.2], [0.5, 0.3]],
        [[0.5, 0.2], [0.5, 0.3]],
        [[0.5, 0.3], [1.0, 0.2]],
    ],
)
def test_a_wrong_table_is_an_error_with_its_path(tmp_path, write_table, table):
    write_table({"throttle": table})
    with pytest.raises(UserError, match=r"throttle\.json: "):
        load_throttle(tmp_path, 4.0)


def test_the_largest_number_is_a_speed(tmp_path, write_table):
    write_table({"throttle": [[10**308, 0.5]]})
    assert load_throttle(tmp_path, 4.0).throttle(1.0) == pytest.approx(0.0)


def test_a_key_given_twice_is_refused(tmp_path, write_table):
    write_table({})
    (tmp_path / FILE).write_text('{"throttle": [[1, 0.5]], "throttle": [[2, 0.5]]}')
    with pytest.raises(UserError, match=r"throttle\.json: .*'throttle' is given twice.*docs/car"):
        load_throttle(tmp_path, 4.0)
