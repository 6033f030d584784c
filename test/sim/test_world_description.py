"""A world's description says all that there is to know of it, and lies are refused."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from deepracer_sim.camera import load_camera
from deepracer_sim.car import load_car
from deepracer_sim.errors import UserError
from deepracer_sim.track_files import load_track, shipped_tracks
from deepracer_sim.world_description import MOST_CARS, Names, describe, read_description

NAMES = Names("oval", "deepracer", "deepracer_lens", "strong")


def describe_world(track, n=1, car=None, camera=None):
    """The description of a world that need not move or draw."""
    world = SimpleNamespace(track=track, n=n, car=car or load_car(), camera=camera or load_camera())
    return describe(world, NAMES)


@pytest.fixture(scope="module")
def text():
    """The description of a world of two cars."""
    return describe_world(load_track("oval"), 2)


def assert_same_track(one, other):
    assert (one.name, one.style) == (other.name, other.style)
    for name in ("center", "left_width", "right_width", "waypoints"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("name", shipped_tracks())
def test_every_track_travels_unchanged(name):
    track = load_track(name)
    assert_same_track(read_description(describe_world(track)).track, track)


def test_a_route_travels_unchanged(tmp_path):
    track = load_track("oval")
    s = np.linspace(0.0, track.length, 61)
    sides = [track.pose(s, lateral)[:, :2] for lateral in (0.0, 0.3, -0.4)]
    sides = [np.vstack([side[:-1], side[:1]]) for side in sides]
    np.save(tmp_path / "route.npy", np.hstack(sides))
    route = load_track(str(tmp_path / "route.npy"))
    assert not np.array_equal(route.left_width, route.right_width)
    assert_same_track(read_description(describe_world(route)).track, route)


def test_cars_and_camera_travel_unchanged():
    car, camera = load_car("deepracer"), load_camera("deepracer_lens", 80, 60)
    found = read_description(describe_world(load_track("oval"), 3, car, camera))
    assert found.n == 3
    assert found.names == NAMES
    assert found.camera == camera
    assert vars(found.car) == vars(car)


def test_every_car_may_differ():
    car = replace(load_car(), mass=np.array([1.0, 2.0]), delay=np.array([0.01, 1 / 30]))
    found = read_description(describe_world(load_track("oval"), 2, car)).car
    np.testing.assert_array_equal(found.mass, car.mass)
    np.testing.assert_array_equal(found.delay, car.delay)
    assert found.wheelbase == car.wheelbase


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "hello",
        "[1, 2",
        "[" * 20_000,
        "!!python/object/apply:os.system [true]",
        "cars: 2001-13-45",
        "&a [*a]",
        "\x00",
    ],
)
def test_other_texts_are_refused(hostile):
    with pytest.raises(UserError, match="cannot be read"):
        read_description(hostile)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cars", 0),
        ("cars", MOST_CARS + 1),
        ("cars", 2.0),
        ("cars", True),
        ("cars", "2"),
        ("names", {"track": "x"}),
        ("names", ["oval"]),
        ("car", {}),
        ("car/mass", "heavy"),
        ("car/mass", None),
        ("car/mass", float("nan")),
        ("car/mass", [1.0, 2.0, 3.0]),
        ("car/mass", [[1.0, 2.0]]),
        ("car/doors", 5),
        ("camera", None),
        ("camera/width", 160.0),
        ("camera/height", 10**9),
        ("camera/pitch", float("inf")),
        ("camera/zoom", 2),
        ("track", None),
        ("track/points", [[0, 0]]),
        ("track/points", [[0, 0, float("nan"), 1]] * 9),
    ],
)
def test_a_description_with_one_lie_is_refused(text, path, value):
    data = yaml.safe_load(text)
    *above, last = path.split("/")
    place = data[above[0]] if above else data
    place[last] = value
    with pytest.raises(UserError):
        read_description(yaml.safe_dump(data))


@pytest.mark.parametrize("name", ["names", "cars", "car", "camera", "track"])
def test_a_description_that_lacks_a_part_is_refused(text, name):
    data = yaml.safe_load(text)
    del data[name]
    with pytest.raises(UserError, match=f"'{name}'"):
        read_description(yaml.safe_dump(data))


def test_the_description_is_plain_yaml(text):
    data = yaml.safe_load(text)
    assert data["cars"] == 2
    assert data["camera"] == asdict(load_camera())
