import math

import pytest
import yaml

from deepracer_sim.camera import WALL_HEIGHT, Camera, load_camera
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

PRESETS = sorted(yaml.safe_load((share_directory() / "config" / "camera.yaml").read_text()))
GOOD = {"x": 0.1, "z": 0.2, "pitch_deg": 10, "horizontal_fov_deg": 90}


def written(tmp_path, content):
    path = tmp_path / "camera.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_load_at_any_size(preset):
    for size in ((160, 120), (1, 1), (4096, 4096)):
        camera = load_camera(preset, *size)
        assert (camera.width, camera.height) == size
        assert 0.0 < camera.z < WALL_HEIGHT


def test_the_default_is_the_lens_of_the_deepracer_simulator():
    assert load_camera() == Camera(0.145, 0.13, math.radians(15), math.radians(64.7), 160, 120)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(UserError, match=r"camera\.yaml.*'fisheye'.*aws_sim, deepracer_lens"):
        load_camera("fisheye")


@pytest.mark.parametrize("size", [(0, 120), (160, 0), (-5, 120), (160, 5000)])
def test_sizes_out_of_range_are_user_errors(size):
    with pytest.raises(UserError, match="must be 1 to 4096 pixels, found"):
        load_camera("aws_sim", *size)


def test_a_file_of_ones_own_is_read(tmp_path):
    camera = load_camera("mine", path=written(tmp_path, {"mine": GOOD}))
    assert camera == Camera(0.1, 0.2, math.radians(10), math.radians(90))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": "high"}, "z: expected a number, found 'high'"),
        ({"z": None}, "z: expected a number"),
        ({"z": True}, "z: expected a number"),
        ({"z": 0.0}, "z: must be from 0.01 to 0.9, found 0.0"),
        ({"z": 2.0}, "z: must be from"),
        ({"x": math.nan}, "x: must be from -1 to 1, found nan"),
        ({"x": math.inf}, "x: must be from"),
        ({"pitch_deg": 91}, "pitch_deg: must be from -90 to 90"),
        ({"horizontal_fov_deg": 180}, "horizontal_fov_deg: must be from 1 to 170"),
        ({"horizontal_fov_deg": 0}, "horizontal_fov_deg: must be from"),
        ({"roll_deg": 1}, "unknown key .roll_deg.. Known: x, z, pitch_deg, horizontal_fov_deg"),
    ],
)
def test_a_broken_preset_is_a_user_error(tmp_path, change, message):
    path = written(tmp_path, {"mine": GOOD | change})
    with pytest.raises(UserError, match=message) as error:
        load_camera("mine", path=path)
    assert f"{path}, camera preset mine" in str(error.value)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_a_user_error(tmp_path, key):
    values = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(UserError, match=f"{key}: is missing"):
        load_camera("mine", path=written(tmp_path, {"mine": values}))


@pytest.mark.parametrize("content", ["", "[1, 2]", "5", "mine:\n", "mine: 5\n", "mine: [x, z]\n"])
def test_a_file_of_another_shape_is_a_user_error(tmp_path, content):
    with pytest.raises(UserError, match="expected"):
        load_camera("mine", path=written(tmp_path, content))


@pytest.mark.parametrize("content", [b"mine: {x: 1", b"\xff\xfe\x00", b"a: \x00"])
def test_a_file_that_is_not_yaml_is_a_user_error(tmp_path, content):
    (tmp_path / "camera.yaml").write_bytes(content)
    with pytest.raises(UserError, match="not a YAML file"):
        load_camera("mine", path=tmp_path / "camera.yaml")


def test_a_file_that_is_missing_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="Cannot read"):
        load_camera(path=tmp_path / "nothing.yaml")
