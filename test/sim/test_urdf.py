"""What RViz asks of a URDF: a tree of links, sizes that can be built, a camera in its place."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_sim.camera import Camera, load_camera
from deepracer_sim.car import _RANGES, CarParameters, load_car
from deepracer_sim.files import share_directory
from deepracer_sim.urdf import car_urdf

CONFIG = share_directory() / "config"
CARS = sorted(yaml.safe_load((CONFIG / "car.yaml").read_text())["profiles"])
CAMERAS = sorted(yaml.safe_load((CONFIG / "camera.yaml").read_text()))


def parsed(car="aws_sim", camera="aws_sim"):
    return ElementTree.fromstring(car_urdf(load_car(car), load_camera(camera)))


def numbers(element, name):
    return [float(value) for value in element.get(name).split()]


def visuals(robot, shape):
    """(origin, shape) of each visual of base_link that has that shape."""
    for visual in robot.iterfind("link[@name='base_link']/visual"):
        found = visual.find(f"geometry/{shape}")
        if found is not None:
            yield visual.find("origin"), found


@pytest.mark.parametrize("car", CARS)
@pytest.mark.parametrize("camera", CAMERAS)
def test_the_links_are_one_tree_of_fixed_joints(car, camera):
    robot = parsed(car, camera)
    assert robot.tag == "robot"
    assert [link.get("name") for link in robot.iterfind("link")] == [
        "base_link",
        "camera_link",
        "camera_optical",
    ]
    joints = [
        (joint.get("type"), joint.find("parent").get("link"), joint.find("child").get("link"))
        for joint in robot.iterfind("joint")
    ]
    assert joints == [
        ("fixed", "base_link", "camera_link"),
        ("fixed", "camera_link", "camera_optical"),
    ]
    names = [joint.get("name") for joint in robot.iterfind("joint")]
    assert len(set(names)) == len(names)


def test_every_material_that_is_used_is_defined_once():
    robot = parsed()
    defined = [material.get("name") for material in robot.iterfind("material")]
    used = {material.get("name") for material in robot.iterfind("link/visual/material")}
    assert sorted(defined) == sorted(used)
    for color in robot.iterfind("material/color"):
        assert len(numbers(color, "rgba")) == 4
        assert all(0.0 <= channel <= 1.0 for channel in numbers(color, "rgba"))


@given(
    values=st.fixed_dictionaries({key: st.floats(*_RANGES[key]) for key in _RANGES}),
    x=st.floats(-1.0, 1.0),
    z=st.floats(0.01, 0.9),
    pitch=st.floats(-math.pi / 2, math.pi / 2),
)
@settings(max_examples=50, deadline=None)
def test_every_car_that_can_be_configured_can_be_built(values, x, z, pitch):
    car = CarParameters(**{key.removesuffix("_deg"): values[key] for key in values})
    robot = ElementTree.fromstring(car_urdf(car, Camera(x, z, pitch, 1.0)))
    for origin in robot.iter("origin"):
        for name in ("xyz", "rpy"):
            assert np.shape(numbers(origin, name)) == (3,)
            assert np.isfinite(numbers(origin, name)).all()
    sizes = [numbers(box, "size") for box in robot.iter("box")]
    sizes += [numbers(c, "radius") + numbers(c, "length") for c in robot.iter("cylinder")]
    assert all(size > 0.0 and math.isfinite(size) for shape in sizes for size in shape)
    moments = [numbers(robot.find(".//inertia"), name)[0] for name in ("ixx", "iyy", "izz")]
    assert min(moments) > 0.0
    assert 2 * max(moments) <= sum(moments) * (1 + 1e-6)  # else no solid has them


@pytest.mark.parametrize("car", CARS)
def test_mass_and_size_are_those_of_the_configuration(car):
    robot, parameters = parsed(car), load_car(car)
    base = robot.find("link[@name='base_link']")
    box = numbers(base.find("collision/geometry/box"), "size")
    assert box[:2] == pytest.approx([parameters.length, parameters.width])
    assert numbers(base.find("inertial/mass"), "value") == pytest.approx([parameters.mass])
    izz = numbers(base.find("inertial/inertia"), "izz")
    assert izz == pytest.approx([parameters.mass * (box[0] ** 2 + box[1] ** 2) / 12])
    # what collides and what has mass are the same box, clear of the ground
    assert numbers(base.find("collision/origin"), "xyz") == numbers(
        base.find("inertial/origin"), "xyz"
    )
    assert numbers(base.find("collision/origin"), "xyz")[2] > box[2] / 2


@pytest.mark.parametrize("car", CARS)
def test_four_wheels_stand_on_the_ground_below_the_axles(car):
    robot, parameters = parsed(car), load_car(car)
    wheels = [
        (numbers(origin, "xyz"), numbers(origin, "rpy"))
        for origin, shape in visuals(robot, "cylinder")
        if numbers(shape, "radius") == [parameters.wheel_radius]
    ]
    half = np.array([parameters.wheelbase, parameters.track_width]) / 2
    wanted = {(x, y) for x in (half[0], -half[0]) for y in (half[1], -half[1])}
    assert {tuple(xyz[:2]) for xyz, _ in wheels} == wanted
    for xyz, rpy in wheels:
        assert xyz[2] == parameters.wheel_radius
        assert rpy == pytest.approx([math.pi / 2, 0.0, 0.0])  # a cylinder's axis is its z


@pytest.mark.parametrize("name", CAMERAS)
def test_the_camera_sits_where_its_preset_says(name):
    robot, camera = parsed(camera=name), load_camera(name)
    mount = robot.find("joint[@name='camera_link_joint']/origin")
    assert numbers(mount, "xyz") == [camera.x, 0.0, camera.z]
    assert numbers(mount, "rpy") == pytest.approx([0.0, camera.pitch, 0.0])
    post = [
        numbers(origin, "xyz")[2] + numbers(shape, "length")[0] / 2
        for origin, shape in visuals(robot, "cylinder")
        if numbers(origin, "xyz")[0] == camera.x
    ]
    assert post == pytest.approx([camera.z])


def test_a_fleet_of_different_cars_has_no_one_urdf():
    many = load_car()
    two = CarParameters(**{**vars(many), "length": np.array([0.3, 0.4])})
    with pytest.raises(TypeError):
        car_urdf(two, load_camera())
