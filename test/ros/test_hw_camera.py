"""The camera and the battery of the car as real processes: from films, and from faked devices."""

import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import BatteryState, CameraInfo, CompressedImage, Image

from deepracer_ros.messages import read_image, to_nanoseconds
from deepracer_ros.topics import SENSOR

FAKES = Path(__file__).parents[1] / "hw" / "fake_devices.c"
ERROR = b"\x02"


@pytest.fixture
def film(tmp_path):
    """A folder of one picture: red on the left, blue on the right."""
    path = tmp_path / "film"
    path.mkdir()
    blue_first = np.zeros((480, 640, 3), np.uint8)
    blue_first[:, :320, 2] = blue_first[:, 320:, 0] = 255
    cv2.imwrite(str(path / "a.jpg"), blue_first)
    return path


def status(reports, name):
    """What a node said last."""
    heard = [one for report in reports for one in report.status if one.name == name]
    return heard[-1] if heard else None


def test_a_film_is_published_as_a_simulated_camera_does(start, peer, film):
    images = peer.listen(Image, "camera/image_raw", SENSOR)
    lenses = peer.listen(CameraInfo, "camera/camera_info", SENSOR)
    jpegs = peer.listen(CompressedImage, "camera/image_raw/compressed", SENSOR)
    node = start("camera_node", device=film, compressed=True, horizontal_fov_deg=90)
    peer.spin_until(lambda: len(images) > 5 and lenses and jpegs)
    frame = read_image(images[-1])
    assert (images[-1].encoding, frame.shape) == ("rgb8", (120, 160, 3))
    assert images[-1].header.frame_id == lenses[-1].header.frame_id == "camera_optical"
    assert np.allclose(frame[60, [10, 150]], [[255, 0, 0], [0, 0, 255]], atol=5)
    assert lenses[-1].k[0] == pytest.approx(80.0)  # half the width: 45 deg to either side
    stamps = [to_nanoseconds(image.header.stamp) for image in images]
    assert all(earlier < later for earlier, later in zip(stamps, stamps[1:], strict=False))
    assert abs(time.time_ns() - stamps[-1]) < 60 * 10**9  # no clock but that of the day
    jpeg = cv2.imdecode(np.frombuffer(jpegs[-1].data, np.uint8), cv2.IMREAD_COLOR)
    assert np.allclose(jpeg[60, [10, 150]], [[0, 0, 255], [255, 0, 0]], atol=10)
    assert node.stop() == 0
    assert "Traceback" not in node.output


def test_a_film_that_ends_is_reported(start, peer, film):
    reports = peer.listen(DiagnosticArray, "/diagnostics")
    start("camera_node", device=film, loop=False)
    peer.spin_until(lambda: (one := status(reports, "/camera")) and one.level == ERROR)
    assert "ended" in status(reports, "/camera").message


@pytest.mark.parametrize(
    "wrong", [{"rate": -1}, {"width": 0}, {"height": "tall"}, {"horizontal_fov_deg": 180}]
)
def test_a_wrong_parameter_is_named_in_one_line(start, wrong):
    node = start("camera_node", **wrong)
    assert node.wait() == 1
    assert next(iter(wrong)) in node.output
    assert "Traceback" not in node.output


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    """A library that fakes what files cannot."""
    library = tmp_path_factory.mktemp("fakes") / "fake_devices.so"
    compile = ["gcc", "-shared", "-fPIC", "-o", str(library), str(FAKES), "-ldl"]
    subprocess.run(compile, check=True)
    return str(library)


@pytest.fixture
def camera(tmp_path, film, fakes):
    """The environment of a process for which dev/video0 is a V4L2 camera that sends the film."""
    device = tmp_path / "dev/video0"
    device.parent.mkdir()
    device.symlink_to("/dev/null")  # a device, at least
    return {
        "LD_PRELOAD": fakes,
        "FAKE_CAMERA": str(device),
        "FAKE_CAMERA_LOG": str(tmp_path / "log"),
        "FAKE_JPEG": str(film / "a.jpg"),
    }


def test_a_device_is_asked_for_jpeg_and_its_own_time_is_the_stamp(start, peer, camera, tmp_path):
    ages = []

    def hear(image):
        ages.append((time.time_ns() - to_nanoseconds(image.header.stamp)) / 1e9)
        assert np.allclose(read_image(image)[60, [10, 150]], [[255, 0, 0], [0, 0, 255]], atol=5)

    peer.node.create_subscription(Image, "camera/image_raw", hear, SENSOR)
    start("camera_node", env=camera, root=tmp_path)
    peer.spin_until(lambda: len(ages) >= 10)
    assert (tmp_path / "log").read_text() == "MJPG 640x480 15\n"
    assert min(ages) >= 0.02  # the fake delivers 20 ms after the capture


def test_a_camera_that_is_lost_is_reported_and_found_again(start, peer, camera, tmp_path, film):
    images = peer.listen(Image, "camera/image_raw", SENSOR)
    reports = peer.listen(DiagnosticArray, "/diagnostics")
    node = start("camera_node", env=camera, root=tmp_path)
    peer.spin_until(lambda: images)
    (film / "a.jpg").rename(film / "away")
    peer.spin_until(lambda: (one := status(reports, "/camera")) and one.level == ERROR)
    assert "video0" in status(reports, "/camera").message
    (film / "away").rename(film / "a.jpg")
    seen = len(images)
    peer.spin_until(lambda: len(images) > seen + 5)
    peer.spin_until(lambda: status(reports, "/camera").level != ERROR)
    assert node.poll() is None


def test_the_battery_is_published_as_a_share(start, peer, fakes, tmp_path):
    states = peer.listen(BatteryState, "battery")
    link = tmp_path / "sys/class/i2c-dev/i2c-7"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../devices/pci0000:00/0000:00:17.3/i2c-7/i2c-dev/i2c-7")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/i2c-7").write_bytes(b"\x00\xd9")
    start("battery_node", env={"LD_PRELOAD": fakes}, root=tmp_path)
    peer.spin_until(lambda: states)
    assert states[-1].percentage == pytest.approx(9 / 11)
    assert states[-1].present
    assert np.isnan(states[-1].voltage)


def test_a_car_without_a_gauge_says_so_once(start, peer, tmp_path):
    reports = peer.listen(DiagnosticArray, "/diagnostics")
    node = start("battery_node", root=tmp_path)
    peer.spin_until(lambda: len(reports) >= 2)
    assert node.output.count("no battery gauge") == 1
    assert status(reports, "/battery").level == b"\x00"
    assert node.stop() == 0
