"""What `deepracer car check` finds on a fake car, whole and broken."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepracer_hw import check as module
from deepracer_hw.check import State, check


@pytest.fixture
def car(tmp_path, fake_car):
    """A fake car that lacks nothing, with a picture for a camera."""
    fake_car.make(tmp_path)
    (tmp_path / "dev/video0").unlink()
    (tmp_path / "dev/video0").mkdir()
    cv2.imwrite(str(tmp_path / "dev/video0/a.png"), np.zeros((12, 16, 3), np.uint8))
    return tmp_path


CHECK = """
import sys
from pathlib import Path
from deepracer_hw.check import check
for finding in check(Path(sys.argv[1]), "0"):
    print(finding.part, finding.state.value, finding.found, finding.remedy, sep="|")
"""


def found(root, part):
    (finding,) = (one for one in check(root, "0") if one.part == part)
    return finding


def bad(root):
    return [one.part for one in check(root, "0") if one.state is State.BAD]


def test_a_whole_car_can_drive(car):
    assert {one.state for one in check(car, "0")} == {State.OK}
    assert "1450 1700 us" in found(car, "calibration").found


def test_a_raspberry_can_drive_too(tmp_path, car, fake_car):
    fake_car.make(tmp_path / "raspberry", "raspberry")
    (tmp_path / "raspberry/dev/video0").unlink()
    (car / "dev/video0").rename(tmp_path / "raspberry/dev/video0")
    assert bad(tmp_path / "raspberry") == []
    assert "always" in found(tmp_path / "raspberry", "power switch").found


def test_nothing_is_there(tmp_path):
    assert bad(tmp_path) == ["PWM chip", "calibration", "camera"]
    assert "pca9685" in found(tmp_path, "PWM chip").remedy
    assert "car calibrate" in found(tmp_path, "calibration").found
    assert "here are: none" in found(tmp_path, "camera").remedy


def test_a_chip_that_is_away_is_missed(car, fake_car):
    fake_car.take_away(car)
    assert bad(car) == ["PWM chip"]
    assert "pca9685" in found(car, "PWM chip").remedy


def test_files_that_may_not_be_written_are_named(car, monkeypatch):
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    assert bad(car) == ["motor", "steering", "power switch"]
    assert "pwm1/duty_cycle may not be written" in found(car, "steering").found
    assert "udev" in found(car, "steering").remedy


def test_channels_that_the_kernel_has_yet_to_make_are_no_fault(car, fake_car):
    with fake_car.exporting(car):
        assert bad(car) == []
        assert found(car, "motor").found.endswith("can be made")


@pytest.mark.parametrize("content", ["", "{}", "[]", "\xff", '{"Calibration": {"Servo": 1}}'])
def test_a_calibration_that_is_not_good_is_refused(car, fake_car, content):
    fake_car.calibration(car).write_text(content)
    assert bad(car) == ["calibration"]
    assert "deepracer car calibrate" in found(car, "calibration").found


def test_a_measured_throttle_is_told_from_a_guess(car, fake_car):
    assert "guess" in found(car, "throttle").found
    path = fake_car.calibration(car).with_name("throttle.json")
    path.write_text('{"throttle": [[2.5, 1.0]]}')
    assert found(car, "throttle").found == "measured, up to 2.5 m/s"
    path.write_text('{"throttle": [[2.5, 7.0]]}')
    assert bad(car) == ["throttle"]


def test_a_folder_that_may_not_be_searched_is_told_with_its_remedy(car, fake_car):
    folder = fake_car.calibration(car).parent
    folder.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", f"{fake_car.AS_USER}\n{CHECK}", str(car)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    folder.chmod(0o755)
    for part in ("calibration", "throttle"):
        path = folder / f"{part}.json"
        why = f"Cannot read {path}: Permission denied. Who may: docs/car.md, Permissions."
        assert f"{part}|NO|{why}|\n" in done.stdout, done.stderr


def test_a_camera_that_gives_nothing_is_missed_and_others_are_named(car):
    (car / "dev/video0").rename(car / "dev/video2")
    assert bad(car) == ["camera"]
    assert "video2" in found(car, "camera").remedy
    assert module.check(car, "2")[-2].state is State.OK


def run_stock_firmware(root, *words):
    path = root / "proc/4711/cmdline"
    path.parent.mkdir(parents=True)
    path.write_text("\0".join(words) + "\0")


@pytest.mark.parametrize(
    "words",
    [
        ["/opt/aws/deepracer/lib/servo_pkg/lib/servo_pkg/servo_node", "--ros-args"],
        ["/usr/bin/python3", "/opt/aws/deepracer/lib/ctrl_pkg/lib/ctrl_pkg/ctrl_node"],
        ["/bin/bash", "/opt/aws/deepracer/start_ros.sh"],
    ],
)
def test_stock_firmware_that_runs_is_a_fault(car, words):
    run_stock_firmware(car, *words)
    assert bad(car) == ["stock firmware"]
    assert "systemctl" in found(car, "stock firmware").remedy


def test_what_only_looks_into_its_folder_is_none(car):
    run_stock_firmware(car, "nano", "/opt/aws/deepracer/calibration.json")
    assert bad(car) == []


def test_stock_firmware_that_will_start_is_worth_a_warning(car):
    wants = car / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "deepracer-core.service").symlink_to("/etc/systemd/system/deepracer-core.service")
    assert found(car, "stock firmware").state is State.WARN
    assert bad(car) == []


def test_a_gauge_that_does_not_answer_is_no_reason_not_to_drive(car):
    link = car / "sys/class/i2c-dev/i2c-7"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../devices/pci0000:00/0000:00:17.3/i2c-7/i2c-dev/i2c-7")
    assert found(car, "battery").state is State.WARN
    (car / "dev/i2c-7").write_bytes(b"\x00\xff")  # a plain file is no I2C bus
    assert found(car, "battery").state is State.WARN
    assert bad(car) == []
