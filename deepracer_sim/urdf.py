"""The car as a URDF document: what RViz draws, with the mass and size of config/car.yaml."""

import math
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters

Triple = tuple[float, float, float]

_COLORS = {
    "shell": "0.12 0.12 0.14 1",
    "deck": "0.85 0.85 0.86 1",
    "rubber": "0.03 0.03 0.03 1",
    "camera": "0.05 0.2 0.5 1",
}
_CAMERA_SIZE = 0.024  # m, a cube
_POST_RADIUS = 0.005  # m


def car_urdf(car: CarParameters, camera: Camera) -> str:
    """Return a URDF of one car, each of its parameters a float.

    Links base_link (on the ground, midway between the axles), camera_link and camera_optical, as
    in the transforms that the car publishes. The wheels belong to base_link: they do not turn.
    """
    robot = Element("robot", name="deepracer")
    for name, rgba in _COLORS.items():
        SubElement(SubElement(robot, "material", name=name), "color", rgba=rgba)
    base = SubElement(robot, "link", name="base_link")
    _add_body(base, car)
    _add_wheels(base, car)
    _add_post(base, camera)
    _add_solid(base, car)
    camera_link = SubElement(robot, "link", name="camera_link")
    _add_visual(camera_link, _box(_CAMERA_SIZE, _CAMERA_SIZE, _CAMERA_SIZE), "camera")
    SubElement(robot, "link", name="camera_optical")
    mount = (camera.x, 0.0, camera.z)
    _add_joint(robot, "base_link", "camera_link", mount, (0.0, camera.pitch, 0.0))
    turned = (-math.pi / 2, 0.0, -math.pi / 2)  # x right, y down, z forward
    _add_joint(robot, "camera_link", "camera_optical", (0.0, 0.0, 0.0), turned)
    indent(robot)
    return tostring(robot, encoding="unicode")


def _add_body(link: Element, car: CarParameters) -> None:
    """A chassis between the wheels, and a deck upon it."""
    length, radius = float(car.length), float(car.wheel_radius)
    width = 0.8 * float(car.track_width)
    size, centre = _chassis(car)
    _add_visual(link, _box(length, width, size[2]), "shell", centre)
    top = (-0.1 * length, 0.0, 2.25 * radius)
    _add_visual(link, _box(0.6 * length, 0.8 * width, 0.5 * radius), "deck", top)


def _chassis(car: CarParameters) -> tuple[Triple, Triple]:
    """Size and centre of the box that the car fills, m: from half to twice the wheels' radius."""
    radius = float(car.wheel_radius)
    return (float(car.length), float(car.width), 1.5 * radius), (0.0, 0.0, 1.25 * radius)


def _add_wheels(link: Element, car: CarParameters) -> None:
    radius = float(car.wheel_radius)
    ahead, aside = float(car.wheelbase) / 2, float(car.track_width) / 2
    for x in (ahead, -ahead):
        for y in (aside, -aside):
            wheel = _cylinder(radius, 0.8 * radius)
            _add_visual(link, wheel, "rubber", (x, y, radius), (math.pi / 2, 0.0, 0.0))


def _add_post(link: Element, camera: Camera) -> None:
    post = _cylinder(_POST_RADIUS, camera.z / 2)
    _add_visual(link, post, "rubber", (camera.x, 0.0, 0.75 * camera.z))


def _add_solid(link: Element, car: CarParameters) -> None:
    """What collides and has mass: a solid box.

    Its moment about an axis is m (a^2 + b^2) / 12 of the other two sides.
    """
    size, centre = _chassis(car)
    _add_shape(SubElement(link, "collision"), _box(*size), centre)
    x, y, z = (side**2 * float(car.mass) / 12 for side in size)
    inertial = SubElement(link, "inertial")
    SubElement(inertial, "origin", xyz=_text(*centre), rpy="0 0 0")
    SubElement(inertial, "mass", value=_text(float(car.mass)))
    moments = {"ixx": y + z, "iyy": x + z, "izz": x + y, "ixy": 0.0, "ixz": 0.0, "iyz": 0.0}
    SubElement(inertial, "inertia", {name: _text(value) for name, value in moments.items()})


def _add_joint(robot: Element, parent: str, child: str, xyz: Triple, rpy: Triple) -> None:
    joint = SubElement(robot, "joint", name=f"{child}_joint", type="fixed")
    SubElement(joint, "parent", link=parent)
    SubElement(joint, "child", link=child)
    SubElement(joint, "origin", xyz=_text(*xyz), rpy=_text(*rpy))


def _add_visual(
    link: Element,
    shape: Element,
    material: str,
    xyz: Triple = (0.0, 0.0, 0.0),
    rpy: Triple = (0.0, 0.0, 0.0),
) -> None:
    visual = SubElement(link, "visual")
    _add_shape(visual, shape, xyz, rpy)
    SubElement(visual, "material", name=material)


def _add_shape(
    element: Element, shape: Element, xyz: Triple, rpy: Triple = (0.0, 0.0, 0.0)
) -> None:
    SubElement(element, "origin", xyz=_text(*xyz), rpy=_text(*rpy))
    SubElement(element, "geometry").append(shape)


def _box(x: float, y: float, z: float) -> Element:
    return Element("box", size=_text(x, y, z))


def _cylinder(radius: float, length: float) -> Element:
    return Element("cylinder", radius=_text(radius), length=_text(length))


def _text(*values: float) -> str:
    return " ".join(f"{value:.9g}" for value in values)
