"""`deepracer car`, but for calibrate and stop: test_car_calibrate.py."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from deepracer_cli.car import app


@pytest.fixture
def root(tmp_path, fake_car):
    """A fake car whose camera is a folder with a picture."""
    fake_car.make(tmp_path)
    (tmp_path / "camera").mkdir()
    cv2.imwrite(str(tmp_path / "camera/a.png"), np.zeros((12, 16, 3), np.uint8))
    return tmp_path


def check(root, device):
    return CliRunner().invoke(app, ["check", "--root", str(root), "--device", str(device)])


def test_a_car_that_can_drive_is_a_success(root):
    result = check(root, root / "camera")
    assert result.exit_code == 0
    assert "NO" not in result.output
    for part in ("firmware", "PWM chip", "motor", "steering", "calibration", "camera", "battery"):
        assert part in result.output


def test_a_car_that_cannot_drive_is_a_failure_and_the_remedy_is_told(root, fake_car):
    fake_car.take_away(root)
    result = check(root, root / "camera")
    assert result.exit_code == 1
    assert "NO" in result.output
    assert "dtoverlay" in result.output
