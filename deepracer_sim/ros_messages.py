"""What a world knows, as the messages that a ROS user expects. Frames: REP-105 and REP-103.

map -> odom -> base_link -> camera_link -> camera_optical: base_link lies on the ground, midway
between the axles; camera_link looks along its x, camera_optical along its z.
"""

import math
from collections.abc import Iterator

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TransformStamped, Vector3
from nav_msgs.msg import Odometry, Path
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from deepracer_sim.camera import Camera
from deepracer_sim.car import CarStates
from deepracer_sim.ground import dashes, strip
from deepracer_sim.track import Color, Track

Polygons = NDArray[np.float64]  # (n, k, 2), m; convex, clockwise

_PAINT = 0.005  # m above the road, so that the two do not flicker through each other


def to_odometry(states: CarStates, car: int, stamp: Time) -> Odometry:
    """Pose in odom and velocity in base_link of one car, m, rad, m/s, rad/s.

    The covariances stay zero: the values are the simulation's own, and exact.
    """
    message = Odometry(header=Header(stamp=stamp, frame_id="odom"), child_frame_id="base_link")
    message.pose.pose.position = Point(x=float(states.x[car]), y=float(states.y[car]))
    message.pose.pose.orientation = _turned(float(states.yaw[car]))
    message.twist.twist.linear.x = float(states.speed[car])
    message.twist.twist.linear.y = float(states.lateral_speed[car])
    message.twist.twist.angular.z = float(states.yaw_rate[car])
    return message


def to_transform(states: CarStates, car: int, stamp: Time) -> TransformStamped:
    """The transform odom -> base_link of one car."""
    position = Vector3(x=float(states.x[car]), y=float(states.y[car]))
    return _transform("odom", "base_link", stamp, position, _turned(float(states.yaw[car])))


def static_transforms(camera: Camera, stamp: Time) -> list[TransformStamped]:
    """What does not move: map -> odom, which is nothing in simulation, and the camera's mount."""
    pitched = Quaternion(y=math.sin(camera.pitch / 2), w=math.cos(camera.pitch / 2))
    optical = Quaternion(x=-0.5, y=0.5, z=-0.5, w=0.5)  # x right, y down, z forward
    mount = Vector3(x=camera.x, z=camera.z)
    return [
        _transform("map", "odom", stamp, Vector3(), Quaternion()),
        _transform("base_link", "camera_link", stamp, mount, pitched),
        _transform("camera_link", "camera_optical", stamp, Vector3(), optical),
    ]


def to_track_markers(track: Track, stamp: Time) -> MarkerArray:
    """The track as flat shapes in its own colours: road, border lines, dashes, start line."""
    header = Header(stamp=stamp, frame_id="map")
    return MarkerArray(
        markers=[
            _marker(header, name, polygons, height, color)
            for name, polygons, height, color in _surfaces(track)
            if len(polygons)
        ]
    )


def to_centerline(track: Track, stamp: Time) -> Path:
    """The centre line in driving direction, closed: the last pose is the first again."""
    header = Header(stamp=stamp, frame_id="map")
    poses = [
        PoseStamped(header=header, pose=Pose(position=Point(x=x, y=y), orientation=_turned(yaw)))
        for x, y, yaw in track.pose(track.s).tolist()
    ]
    return Path(header=header, poses=poses)


def _turned(yaw: float) -> Quaternion:
    return Quaternion(z=math.sin(yaw / 2), w=math.cos(yaw / 2))


def _transform(
    parent: str, child: str, stamp: Time, translation: Vector3, rotation: Quaternion
) -> TransformStamped:
    message = TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child)
    message.transform.translation = translation
    message.transform.rotation = rotation
    return message


def _surfaces(track: Track) -> Iterator[tuple[str, Polygons, float, Color]]:
    """Name, shape, height above the ground (m) and colour of what a track is drawn with."""
    style = track.style
    left, right = (
        np.maximum(width - style.border_width, 0.0)
        for width in (track.left_width, track.right_width)
    )
    half = style.border_width / 2
    start = track.pose([-half, half, half, -half], [left[0], left[0], -right[0], -right[0]])
    yield "road", strip(track, left, -right), 0.0, style.road
    yield "left border", strip(track, track.left_width, left), 0.0, style.border
    yield "right border", strip(track, -right, -track.right_width), 0.0, style.border
    yield "centre line", dashes(track), _PAINT, style.dash
    yield "start line", start[None, :, :2], _PAINT, style.border


def _marker(header: Header, name: str, polygons: Polygons, z: float, color: Color) -> Marker:
    red, green, blue = (channel / 255 for channel in color)
    corners = _triangles(polygons).reshape(-1, 2)
    return Marker(
        header=header,
        ns=name,
        type=Marker.TRIANGLE_LIST,
        scale=Vector3(x=1.0, y=1.0, z=1.0),
        color=ColorRGBA(r=red, g=green, b=blue, a=1.0),
        points=[Point(x=x, y=y, z=z) for x, y in corners.tolist()],
    )


def _triangles(polygons: Polygons) -> Polygons:
    """Cut polygons (n, k, 2) into (n * (k - 2), 3, 2), anticlockwise: what is lit from above."""
    sides = polygons.shape[1]
    # from corner 1: a dash's corners 0, 1 and 2 may lie on one line
    fans = [polygons[:, [1, (k + 1) % sides, k]] for k in range(2, sides)]
    return np.concatenate(fans)
