"""World files, wheel angles, the installation, programs' ends: what needs no Gazebo."""

import math
import shlex
import subprocess
import tempfile
from pathlib import Path
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
from deepracer_sim.gazebo import processes
from deepracer_sim.gazebo.folder import claim_folder
from deepracer_sim.gazebo.install import install
from deepracer_sim.gazebo.installation import (
    X_FLUSH,
    Installation,
    cache_directory,
    find,
    unpacked,
)
from deepracer_sim.gazebo.sdf import STEPS, car_sdf, write_world
from deepracer_sim.gazebo.server import Server
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


def test_the_command_says_how_to_look_with_an_installed_gazebo(bare, tmp_path, capsys):
    program(bare, "gazebo", "")
    write_command("oval", tmp_path / "my world")
    models, command, path = shlex.split(capsys.readouterr().out.partition(" with: ")[2])
    assert models == f"GAZEBO_MODEL_PATH={tmp_path / 'my world'}"
    assert (command, path) == ("gazebo", str(tmp_path / "my world" / "track.world"))


def test_the_command_says_how_to_look_without_one(bare, tmp_path, capsys):
    write_command("oval", tmp_path)
    words = shlex.split(capsys.readouterr().out.partition("wheel: ")[2])
    assert words[:3] == ["deepracer", "launch", "sim.launch.xml"]
    assert words[3:] == ["world:=gazebo", "gui:=true", "track:=oval"]


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


def test_without_a_home_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # HOME is not set, nor known
    with pytest.raises(UserError, match="HOME is not set"):
        unpacked()


def test_a_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory().is_relative_to(tmp_path / ".cache")


def test_a_home_that_cannot_be_read_is_reported(bare, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as for_now:
        for_now.setattr(Path, "stat", refuse)
        with pytest.raises(UserError, match=r"gzserver cannot be read.*XDG_CACHE_HOME"):
            find()


def test_where_nothing_can_be_written_it_is_reported(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Cannot write .*file"):
        claim_folder(tmp_path / "file")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(UserError, match="Cannot write Gazebo's log"):
        Server(Installation(tmp_path), tmp_path / "track.world", (160, 120))


def test_folders_without_an_owner_are_removed_and_no_others(tmp_path):
    dead, mark = claim_folder(tmp_path)
    (dead / "floor.png").touch()
    mark.close()
    (tmp_path / "deepracer-is-mine").mkdir()  # whoever's
    alive = [claim_folder(tmp_path), claim_folder(tmp_path)]
    folders = {folder for folder, _ in alive}
    assert set(tmp_path.iterdir()) == {tmp_path / "deepracer-is-mine", *folders}
    for _, mark in alive:
        mark.close()


@pytest.fixture
def log(tmp_path):
    with open(tmp_path / "log", "wb", buffering=0) as log:
        yield log


def test_the_first_error_is_reported_as_others_follow_from_it(log):
    log.write(b"[Msg] Hello\n[Err] Can't open display\n[Wrn] Hm\n[Err] No camera\n")
    assert processes.complaint(log) == "[Err] Can't open display"


@pytest.mark.parametrize(
    ("first", "reason"), [("sh: no gzserver", "sh: no gzserver"), ("", "it gave no reason.")]
)
def test_what_is_no_error_is_not_offered_as_a_reason(log, first, reason):
    others = (
        "_XSERVTrans: server already running\nhttp://gazebosim.org\n\x1b[33m[Wrn] Queue limit\n"
    )
    log.write(f"{first}\n{others}".encode())
    assert processes.complaint(log) == reason


@pytest.mark.parametrize(
    ("script", "told"), [("exit 0", ""), ("exit 3", "exit status 3"), ("kill -11 $$", "signal 11")]
)
def test_a_window_that_was_closed_is_not_told_of_but_one_that_failed(log, script, told):
    with subprocess.Popen(["sh", "-c", script]) as window:
        text = processes.check_window(window, log)
    assert told in text and bool(told) == bool(text)


def surroundings(log, monkeypatch):
    """The environment of an installed Gazebo's programs, by name."""
    folder = Path(log.name).parent
    monkeypatch.setattr(processes, "library_folder", lambda installation: folder / "ours")
    process = processes._start_gazebo(
        "env", Installation(Path("/")), folder / "track.world", 1, log, None, {}
    )
    process.wait()
    lines = Path(log.name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_an_installed_gazebo_is_set_up_as_its_own_file_says(log, tmp_path, monkeypatch):
    set_up = tmp_path / "share" / "gazebo" / "setup.sh"
    set_up.parent.mkdir(parents=True)
    set_up.write_text("export GAZEBO_PLUGIN_PATH=its\n")
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "gzserver", "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = surroundings(log, monkeypatch)
    assert found["GAZEBO_PLUGIN_PATH"] == f"{tmp_path}/ours:its"


def test_libraries_that_the_user_preloads_remain(log, tmp_path, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "theirs.so")
    found = surroundings(log, monkeypatch)
    assert found["LD_PRELOAD"] == f"{tmp_path}/ours/{X_FLUSH}:theirs.so"
