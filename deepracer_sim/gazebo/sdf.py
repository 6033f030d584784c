"""World files for Gazebo: a track, its walls and one car in SDF, and the floor's drawing.

What is written here is the same for all Gazebos; a `Flavor` says what is not.
"""

import math
from pathlib import Path

import cv2

from deepracer_sim.camera import WALL_HEIGHT, Camera
from deepracer_sim.car import DT, CarParameters
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic
from deepracer_sim.gazebo.flavor import CLASSIC, MODEL, Flavor
from deepracer_sim.ground import Ground, draw_ground
from deepracer_sim.track import Color, Track

STEPS = 20  # physics steps in one control period

_WALL_THICKNESS = 0.1  # m
_MOST_TEXELS = 8192  # rows and columns of the drawing: what any OpenGL driver takes
WHEEL_MASS = 0.04  # of the car's
_KNUCKLE_MASS = 0.03
# The embedded car understeers, more and more towards its grip. Here a tyre holds up to a force and
# then slides; so a front tyre is two in one place, which share the load: one holds, one yields
# from the start. The rear tyres hold more than either. Values: docs/gazebo.md.
_HOLDING_GRIP, _YIELDING_GRIP, _REAR_GRIP = 0.94, 1.2, 2.0  # of the car's friction
_SLIP = 0.4  # s: sideways m/s that it yields for each m/s^2 that its force gives the whole car


def write_world(
    track: Track, car: CarParameters, camera: Camera, folder: Path, flavor: Flavor = CLASSIC
) -> Path:
    """Write a world file and what belongs to it; return its path.

    Gazebo 11 finds the floor's drawing when GAZEBO_MODEL_PATH names `folder`. The car's parameters
    must be floats. Raises UserError where the folder cannot be written to.
    """
    ground = _draw(track)
    picture = cv2.cvtColor(ground.image[::-1], cv2.COLOR_RGB2BGR)  # the top row is the highest y
    done, png = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise UserError(f"The drawing of track {track.name} could not be encoded.")
    write_atomic(folder / MODEL / "floor.png", png.tobytes())
    for name, content in flavor.files.items():
        write_atomic(folder / MODEL / name, content)
    write_atomic(folder / flavor.file, world_sdf(track, car, camera, ground, flavor))
    return folder / flavor.file


def _draw(track: Track) -> Ground:
    ground = draw_ground(track)
    most = max(ground.index.shape)
    if most <= _MOST_TEXELS:
        return ground
    return draw_ground(track, ground.texel * most / (_MOST_TEXELS - 1))


def world_sdf(
    track: Track, car: CarParameters, camera: Camera, ground: Ground, flavor: Flavor = CLASSIC
) -> str:
    """Return the world: physics, light, floor, walls, and the car on the start line.

    Its colours are those of the drawing, whatever the light: nothing but the car is shaded.
    """
    x, y, yaw = track.pose(0.0)
    return f"""<?xml version="1.0"?>
<sdf version="{flavor.version}">
<world name="deepracer">
<physics type="ode">
  <max_step_size>{DT / STEPS!r}</max_step_size>
  <real_time_update_rate>{STEPS / DT:.0f}</real_time_update_rate>
  <ode><solver><type>quick</type><iters>50</iters></solver></ode>
</physics>{flavor.world}
<scene>
  <ambient>0.6 0.6 0.6 1</ambient>
  <background>{_rgb(track.style.sky)} 1</background>
  <shadows>false</shadows>
  <grid>false</grid>
</scene>
{_view(ground)}
<light name="sun" type="directional">
  <cast_shadows>false</cast_shadows>
  <pose>0 0 10 0 0 0</pose>
  <diffuse>0.6 0.6 0.6 1</diffuse>
  <specular>0.1 0.1 0.1 1</specular>
  <direction>-0.4 0.3 -0.9</direction>
</light>
{_floor(ground, flavor.floor)}
{_walls(ground, track.style.wall)}
{car_sdf(car, camera, (float(x), float(y), float(yaw)), flavor)}
</world>
</sdf>
"""


def _view(ground: Ground) -> str:
    """Where a window looks from at first: from the south, down on the whole track."""
    x0, y0, x1, y1 = ground.bounds
    pitch, distance = 1.0, 1.1 * max(x1 - x0, 1.5 * (y1 - y0))
    y, z = (y0 + y1) / 2 - distance * math.cos(pitch), distance * math.sin(pitch)
    pose = _text((x0 + x1) / 2, y, z, 0.0, pitch, math.pi / 2)
    return f"""<gui><camera name="user_camera"><pose>{pose}</pose></camera></gui>"""


def _floor(ground: Ground, material: str) -> str:
    x0, y0, x1, y1 = ground.bounds
    size = _text(x1 - x0, y1 - y0)
    return f"""<model name="track">
<static>true</static>
<pose>{_text((x0 + x1) / 2, (y0 + y1) / 2)} 0 0 0 0</pose>
<link name="floor">
  <collision name="collision">
    <geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
    <surface><friction><ode><mu>100</mu><mu2>100</mu2></ode></friction></surface>
  </collision>
  <visual name="drawing">
    <geometry><plane><normal>0 0 1</normal><size>{size}</size></plane></geometry>
    <material>{material}</material>
  </visual>
</link>
</model>"""


def _walls(ground: Ground, color: Color) -> str:
    x0, y0, x1, y1 = ground.bounds
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, _WALL_THICKNESS / 2
    length, width = x1 - x0 + 2 * _WALL_THICKNESS, y1 - y0
    walls = {
        "south": (x, y0 - half, length, _WALL_THICKNESS),
        "north": (x, y1 + half, length, _WALL_THICKNESS),
        "west": (x0 - half, y, _WALL_THICKNESS, width),
        "east": (x1 + half, y, _WALL_THICKNESS, width),
    }
    return "\n".join(_wall(name, *wall, color) for name, wall in walls.items())


def _wall(name: str, x: float, y: float, length: float, width: float, color: Color) -> str:
    box = f"<geometry><box><size>{length:.9g} {width:.9g} {WALL_HEIGHT}</size></box></geometry>"
    return f"""<model name="{name}_wall">
<static>true</static>
<pose>{x:.9g} {y:.9g} {WALL_HEIGHT / 2} 0 0 0</pose>
<link name="wall">
  <collision name="collision">{box}</collision>
  <visual name="visual">{box}{_glowing(color)}</visual>
</link>
</model>"""


def car_sdf(
    car: CarParameters,
    camera: Camera,
    pose: tuple[float, float, float],
    flavor: Flavor = CLASSIC,
) -> str:
    """Return the model of one car, each of its parameters a float, at x m, y m, yaw rad.

    base_link is on the ground, midway between the axles. Knuckles turn about the wheels' centres.
    """
    x, y, yaw = pose
    ahead, aside = float(car.wheelbase) / 2, float(car.track_width) / 2
    parts = [_base(car, camera, flavor)]
    for side, left in (("left", aside), ("right", -aside)):
        front, rear = f"front_{side}", f"rear_{side}"
        parts += [
            _knuckle(front, car, ahead, left),
            _wheel(front, f"{front}_knuckle", car, (ahead, left), _front_tyre(car)),
            _wheel(rear, "base_link", car, (-ahead, left), _rear_tyre(car)),
        ]
    return f"""<model name="car">
<pose>{x:.9g} {y:.9g} 0 0 0 {yaw:.9g}</pose>
{chr(10).join(parts)}{flavor.car}
</model>"""


def _base(car: CarParameters, camera: Camera, flavor: Flavor) -> str:
    length, width, radius = float(car.length), float(car.width), float(car.wheel_radius)
    mass = float(car.mass) * (1 - 4 * WHEEL_MASS - 2 * _KNUCKLE_MASS)
    size, height = (length, 0.6 * width, 1.5 * radius), 1.25 * radius
    box = f"<geometry><box><size>{_text(*size)}</size></box></geometry>"
    moments = [mass * (a * a + b * b) / 12 for a, b in (size[1:], size[::2], size[:2])]
    return f"""<link name="base_link">
  <inertial><pose>0 0 {height:.9g} 0 0 0</pose>{_mass(mass, moments)}</inertial>
  <collision name="collision"><pose>0 0 {height:.9g} 0 0 0</pose>{box}</collision>
  <visual name="body"><pose>0 0 {height:.9g} 0 0 0</pose>{box}{_painted("0.12 0.12 0.14")}</visual>
  {_camera(camera, flavor)}
</link>"""


def _camera(camera: Camera, flavor: Flavor) -> str:
    return f"""<sensor name="camera" type="camera">
    <pose>{_text(camera.x, 0.0, camera.z, 0.0, camera.pitch, 0.0)}</pose>
    <update_rate>{1 / DT:.9g}</update_rate>
    <camera>
      <horizontal_fov>{camera.horizontal_fov:.9g}</horizontal_fov>
      <image><width>{camera.width}</width><height>{camera.height}</height><format>R8G8B8</format></image>
      <clip><near>0.01</near><far>100</far></clip>{flavor.lens}
    </camera>
    {flavor.sensor}
  </sensor>"""


def _knuckle(name: str, car: CarParameters, x: float, y: float) -> str:
    mass, radius = _KNUCKLE_MASS * float(car.mass), float(car.wheel_radius)
    moment = 0.4 * mass * radius**2
    limit = min(1.5 * float(car.max_steering_angle), math.radians(80))
    return f"""<link name="{name}_knuckle">
  <pose>{_text(x, y, radius)} 0 0 0</pose>
  <inertial>{_mass(mass, [moment] * 3)}</inertial>
</link>
<joint name="{name}_steering" type="revolute">
  <parent>base_link</parent><child>{name}_knuckle</child>
  <axis><xyz>0 0 1</xyz><limit><lower>{-limit:.9g}</lower><upper>{limit:.9g}</upper></limit></axis>
</joint>"""


def _front_tyre(car: CarParameters) -> str:
    holding = _tyre("holding", car, _HOLDING_GRIP, 0.0)
    return holding + "\n  " + _tyre("yielding", car, _YIELDING_GRIP, _SLIP)


def _rear_tyre(car: CarParameters) -> str:
    return _tyre("tyre", car, _REAR_GRIP, 0.0)


def _tyre(name: str, car: CarParameters, grip: float, slip: float) -> str:
    mu, slip = grip * float(car.friction), slip / float(car.mass)
    friction = f"<mu>{mu:.9g}</mu><mu2>{mu:.9g}</mu2><slip1>{slip:.9g}</slip1>"
    # A ball meets the floor in one point; fdir1 is the axle, so that mu and slip1 act sideways.
    return f"""<collision name="{name}">
    <geometry><sphere><radius>{float(car.wheel_radius):.9g}</radius></sphere></geometry>
    <surface>
      <friction><ode>{friction}<fdir1>0 1 0</fdir1></ode></friction>
      <contact><ode><kp>1e6</kp><kd>1e3</kd><min_depth>0</min_depth></ode></contact>
    </surface>
  </collision>"""


def _wheel(
    name: str, parent: str, car: CarParameters, place: tuple[float, float], tyre: str
) -> str:
    mass, radius = WHEEL_MASS * float(car.mass), float(car.wheel_radius)
    width = 0.8 * radius
    across = mass * (3 * radius**2 + width**2) / 12
    cylinder = f"<cylinder><radius>{radius:.9g}</radius><length>{width:.9g}</length></cylinder>"
    return f"""<link name="{name}_wheel_link">
  <pose>{_text(*place, radius)} 0 0 0</pose>
  <inertial>{_mass(mass, [across, mass * radius**2 / 2, across])}</inertial>
  {tyre}
  <visual name="visual">
    <pose>0 0 0 {math.pi / 2:.9g} 0 0</pose>
    <geometry>{cylinder}</geometry>{_painted("0.03 0.03 0.03")}
  </visual>
</link>
<joint name="{name}_wheel" type="revolute">
  <parent>{parent}</parent><child>{name}_wheel_link</child><axis><xyz>0 1 0</xyz></axis>
</joint>"""


def _mass(mass: float, moments: list[float]) -> str:
    xx, yy, zz = (f"{moment:.9g}" for moment in moments)
    return (
        f"<mass>{mass:.9g}</mass><inertia><ixx>{xx}</ixx><iyy>{yy}</iyy><izz>{zz}</izz>"
        "<ixy>0</ixy><ixz>0</ixz><iyz>0</iyz></inertia>"
    )


def _painted(rgb: str) -> str:
    return f"<material><ambient>{rgb} 1</ambient><diffuse>{rgb} 1</diffuse></material>"


def _glowing(color: Color) -> str:
    black = "0 0 0 1"
    return (
        f"<material><ambient>{black}</ambient><diffuse>{black}</diffuse>"
        f"<specular>{black}</specular><emissive>{_rgb(color)} 1</emissive></material>"
    )


def _rgb(color: Color) -> str:
    return _text(*(channel / 255 for channel in color))


def _text(*values: float) -> str:
    return " ".join(f"{value:.9g}" for value in values)
