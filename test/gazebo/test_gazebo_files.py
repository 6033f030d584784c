"""World files, wheel angles and the installation: what needs no Gazebo."""

import math
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_cli.gazebo import world as write_command
from deepracer_sim.camera import WALL_HEIGHT, load_camera
from deepracer_sim.car import DT, load_car
from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.install import install
from deepracer_sim.gazebo.installation import Installation, find, unpacked
from deepracer_sim.gazebo.sdf import STEPS, car_sdf, write_world
from deepracer_sim.gazebo.wheels import middle_angle, outer_angles
from deepracer_sim.ground import draw_ground
from deepracer_sim.track_files import load_track

TRACK = load_track("oval")
CAR, CAMERA = load_car(), load_camera("deepracer_lens")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(TRACK, CAR, CAMERA, folder)
    return folder


@pytest.fixture(scope="module")
def document(folder):
    return ElementTree.parse(folder / "track.world").getroot().find("world")


def numbers(element, path):
    return [float(word) for word in element.findtext(path).split()]


def model(document, name):
    return document.find(f"model[@name='{name}']")


def test_a_control_period_is_a_whole_number_of_physics_steps(document):
    assert numbers(document, "physics/max_step_size") == [DT / STEPS]
    assert numbers(document, "physics/real_time_update_rate") == [pytest.approx(STEPS / DT)]


def test_the_floor_carries_the_drawing_seen_from_above(folder, document):
    ground = draw_ground(TRACK)
    x0, y0, x1, y1 = ground.bounds
    track = model(document, "track")
    assert numbers(track, "pose")[:2] == pytest.approx([(x0 + x1) / 2, (y0 + y1) / 2])
    size = numbers(track, "link/visual/geometry/plane/size")
    assert size == pytest.approx([x1 - x0, y1 - y0])
    picture = cv2.imread(str(folder / "deepracer" / "floor.png"))
    np.testing.assert_array_equal(picture[::-1, :, ::-1], ground.image)
    assert "floor.png" in (folder / "deepracer" / "floor.material").read_text()


def test_walls_stand_round_the_drawing(document):
    x0, y0, x1, y1 = draw_ground(TRACK).bounds
    inner = {}
    for name, axis, side in (("west", 0, 1), ("south", 1, 1), ("east", 0, -1), ("north", 1, -1)):
        wall = model(document, f"{name}_wall")
        size, place = numbers(wall, "link/visual/geometry/box/size"), numbers(wall, "pose")
        inner[name] = place[axis] + side * size[axis] / 2
        assert place[2] + size[2] / 2 == WALL_HEIGHT
        assert numbers(wall, "link/collision/geometry/box/size") == size
    assert inner == pytest.approx({"west": x0, "south": y0, "east": x1, "north": y1})


def test_the_car_has_the_values_of_its_profile(document):
    car = model(document, "car")
    links = {link.get("name"): link for link in car.findall("link")}
    assert sum(float(mass.text) for mass in car.iter("mass")) == pytest.approx(CAR.mass)
    for x, front in ((CAR.wheelbase / 2, "front"), (-CAR.wheelbase / 2, "rear")):
        for y, side in ((CAR.track_width / 2, "left"), (-CAR.track_width / 2, "right")):
            wheel = links[f"{front}_{side}_wheel_link"]
            assert numbers(wheel, "pose")[:3] == pytest.approx([x, y, CAR.wheel_radius])
            radius = numbers(wheel, "collision/geometry/sphere/radius")
            assert radius == [pytest.approx(CAR.wheel_radius)]
    front = links["front_left_wheel_link"].findall("collision/surface/friction/ode/mu")
    assert np.mean([float(mu.text) for mu in front]) == pytest.approx(CAR.friction, rel=0.1)
    x, y, yaw = TRACK.pose(0.0)
    assert numbers(car, "pose") == pytest.approx([x, y, 0, 0, 0, yaw])


def test_every_link_could_exist(document):
    for moments in model(document, "car").iter("inertia"):
        xx, yy, zz = sorted(float(moments.findtext(name)) for name in ("ixx", "iyy", "izz"))
        assert 0 < xx <= yy <= zz <= xx + yy


def test_steering_joints_turn_as_far_as_the_outer_angles(document):
    largest = max(map(abs, outer_angles(CAR, CAR.max_steering_angle)))
    joint = model(document, "car").find("joint[@name='front_left_steering']/axis/limit")
    assert numbers(joint, "upper")[0] > largest
    assert numbers(joint, "lower")[0] < -largest


def test_the_camera_is_the_preset(document):
    sensor = model(document, "car").find("link/sensor")
    mount = [CAMERA.x, 0.0, CAMERA.z, 0.0, CAMERA.pitch, 0.0]
    assert numbers(sensor, "pose") == pytest.approx(mount)
    assert numbers(sensor, "camera/horizontal_fov") == [pytest.approx(CAMERA.horizontal_fov)]
    size = [numbers(sensor, f"camera/image/{name}")[0] for name in ("width", "height")]
    assert size == [CAMERA.width, CAMERA.height]


@pytest.mark.parametrize("profile", ["aws_sim", "deepracer"])
def test_every_profile_is_well_formed(profile):
    ElementTree.fromstring(car_sdf(load_car(profile), CAMERA, (0.0, 0.0, 0.0)))


def test_the_command_writes_a_world(tmp_path, capsys):
    write_command("chicane", tmp_path / "out")
    assert str(tmp_path / "out" / "track.world") in capsys.readouterr().out
    ElementTree.parse(tmp_path / "out" / "track.world")


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        write_world(TRACK, CAR, CAMERA, tmp_path / "file")


@given(st.floats(-0.8, 0.8))
def test_wheel_angles_belong_to_one_turn(middle):
    left, right = outer_angles(CAR, middle)
    assert middle_angle(CAR, left, right) == pytest.approx(middle)
    if abs(middle) > 0.01:  # all normals meet on the line of the rear axle
        for angle, aside in ((left, CAR.track_width / 2), (right, -CAR.track_width / 2)):
            centre = aside + CAR.wheelbase / math.tan(angle)
            assert centre == pytest.approx(CAR.wheelbase / math.tan(middle))


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without Gazebo and without programs; returns the folder of those it has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def program(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_where_gazebo_is_missing_it_says_how_to_get_it(bare):
    with pytest.raises(UserError, match="make gazebo"):
        find()


def test_an_installed_gazebo_is_used(bare):
    program(bare, "gzserver", "")
    assert find() == Installation(find().root)
    assert str(find().root) == "/"
    assert find().command("gzserver")[-1] == "gzserver"


def test_without_apt_nothing_is_begun(bare):
    with pytest.raises(UserError, match="apt-get was not found"):
        install(lambda message: None)


def test_a_failing_download_is_reported_and_leaves_no_installation(bare, monkeypatch, tmp_path):
    (tmp_path / "keyring").touch()
    monkeypatch.setattr("deepracer_sim.gazebo.install._KEYRING", tmp_path / "keyring")
    program(bare, "dpkg-deb", "")
    script = (
        'case "$1" in indextargets) echo site;; *) echo "E: no such release" >&2; exit 100;; esac'
    )
    program(bare, "apt-get", script)
    with pytest.raises(UserError, match="no such release"):
        install(lambda message: None)
    assert not unpacked().root.exists()
