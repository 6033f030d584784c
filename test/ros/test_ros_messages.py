"""Messages say what the world says: the same poses, the same pixels, the same road."""

import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker

from deepracer_ros.camera_topics import to_camera_info
from deepracer_ros.messages import to_time
from deepracer_sim.camera import Camera, load_camera
from deepracer_sim.car import CarStates, load_car
from deepracer_sim.files import share_directory
from deepracer_sim.ros_messages import (
    static_transforms,
    to_centerline,
    to_odometry,
    to_track_markers,
    to_transform,
)
from deepracer_sim.track_files import load_track, shipped_tracks
from deepracer_sim.urdf import car_urdf

STAMP = to_time(12 * 10**9 + 34)
CAMERAS = sorted(yaml.safe_load((share_directory() / "config" / "camera.yaml").read_text()))
TRACKS = sorted(shipped_tracks())
STATES = CarStates(*(np.array([0.1, value]) for value in (2.0, -3.0, 0.7, 1.5, 0.2, -0.4, 0.3)))

cameras = st.builds(
    Camera,
    x=st.floats(-1.0, 1.0),
    z=st.floats(0.01, 0.9),
    pitch=st.floats(-1.5, 1.5),
    horizontal_fov=st.floats(0.1, 2.9),
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
)


def vector(message):
    return np.array([message.x, message.y, message.z])


def matrix(q):
    """The rotation matrix of a unit quaternion message."""
    assert math.hypot(q.x, q.y, q.z, q.w) == pytest.approx(1.0)
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def from_rpy(roll, pitch, yaw):
    """The rotation matrix of a URDF's roll, pitch and yaw about fixed axes."""
    (sr, cr), (sp, cp), (sy, cy) = ((math.sin(a), math.cos(a)) for a in (roll, pitch, yaw))
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def yaw_of(q):
    return math.atan2(*matrix(q)[[1, 0], 0])


def camera_pose(camera):
    """Position and rotation of camera_optical in base_link, through the static transforms."""
    by_child = {t.child_frame_id: t.transform for t in static_transforms(camera, STAMP)}
    link, optical = by_child["camera_link"], by_child["camera_optical"]
    position = vector(link.translation) + matrix(link.rotation) @ vector(optical.translation)
    return position, matrix(link.rotation) @ matrix(optical.rotation)


def same_after_a_journey(message):
    """Whether a message can be sent, and arrives unchanged."""
    return deserialize_message(serialize_message(message), type(message)) == message


def lens(camera):
    return to_camera_info(camera.width, camera.height, camera.focal_length, STAMP)


@given(camera=cameras, ahead=st.tuples(st.floats(0.01, 30), st.floats(-5, 5), st.floats(-5, 5)))
@settings(deadline=None)
def test_transforms_and_lens_lead_to_the_pixel_that_the_camera_draws(camera, ahead):
    position, rotation = camera_pose(camera)
    forward, left, up = rotation[:, 2], -rotation[:, 0], -rotation[:, 1]
    point = position + ahead[0] * forward + ahead[1] * left + ahead[2] * up  # in base_link
    seen = np.array(lens(camera).k).reshape(3, 3) @ (rotation.T @ (point - position))
    assert seen[:2] / seen[2] == pytest.approx(camera.project(point), abs=1e-6, rel=1e-9)


def test_the_optical_frame_looks_forward_and_down():
    camera = load_camera()
    position, rotation = camera_pose(camera)
    assert position.tolist() == [camera.x, 0.0, camera.z]
    right, down, forward = rotation.T
    assert forward == pytest.approx([math.cos(camera.pitch), 0.0, -math.sin(camera.pitch)])
    assert right == pytest.approx([0.0, -1.0, 0.0])
    assert down[2] < -0.9


@pytest.mark.parametrize("name", CAMERAS)
def test_camera_info_is_a_pinhole_without_distortion(name):
    camera = load_camera(name)
    info = lens(camera)
    assert (info.width, info.height) == (camera.width, camera.height)
    assert info.header.frame_id == "camera_optical"
    assert info.header.stamp == STAMP
    assert info.distortion_model == "plumb_bob"
    assert list(info.d) == [0.0] * 5
    k, r, p = (np.reshape(a, (3, -1)) for a in (info.k, info.r, info.p))
    assert (r == np.eye(3)).all()
    assert (p == np.hstack([k, np.zeros((3, 1))])).all()
    # the picture's edge lies half a pixel beyond the outermost pixel's centre
    edge = (k[0, 2] + 0.5) / k[0, 0]
    assert edge == pytest.approx(math.tan(camera.horizontal_fov / 2))
    assert same_after_a_journey(info)


def test_odometry_and_transform_tell_the_same_of_the_car_asked_for():
    odometry, transform = to_odometry(STATES, 1, STAMP), to_transform(STATES, 1, STAMP)
    for message in (odometry, transform):
        assert message.header.frame_id == "odom"
        assert message.child_frame_id == "base_link"
        assert message.header.stamp == STAMP
        assert same_after_a_journey(message)
    assert vector(odometry.pose.pose.position).tolist() == [2.0, -3.0, 0.0]
    assert yaw_of(odometry.pose.pose.orientation) == pytest.approx(0.7)
    assert vector(transform.transform.translation).tolist() == [2.0, -3.0, 0.0]
    assert transform.transform.rotation == odometry.pose.pose.orientation


def test_the_velocity_is_in_the_car_s_own_frame():
    twist = to_odometry(STATES, 1, STAMP).twist.twist
    assert vector(twist.linear).tolist() == [1.5, 0.2, 0.0]  # forward and to the left
    assert vector(twist.angular).tolist() == [0.0, 0.0, -0.4]


@given(yaw=st.floats(-1e4, 1e4))
@settings(deadline=None)
def test_a_yaw_of_many_laps_is_still_a_rotation(yaw):
    states = STATES._replace(yaw=np.array([yaw, 0.0]))
    turned = yaw_of(to_odometry(states, 0, STAMP).pose.pose.orientation)
    assert math.cos(turned - yaw) == pytest.approx(1.0)


def test_the_frames_form_one_chain():
    transforms = [*static_transforms(load_camera(), STAMP), to_transform(STATES, 0, STAMP)]
    parent = {t.child_frame_id: t.header.frame_id for t in transforms}
    assert parent == {
        "odom": "map",
        "base_link": "odom",
        "camera_link": "base_link",
        "camera_optical": "camera_link",
    }
    assert len(transforms) == len(parent)
    assert all(t.header.stamp == STAMP and same_after_a_journey(t) for t in transforms)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_urdf_and_the_static_transforms_agree(name):
    camera = load_camera(name)
    robot = ElementTree.fromstring(car_urdf(load_car(), camera))
    published = {t.child_frame_id: t for t in static_transforms(camera, STAMP)}
    for joint in robot.iterfind("joint"):
        transform = published[joint.find("child").get("link")]
        assert transform.header.frame_id == joint.find("parent").get("link")
        xyz, rpy = ([*map(float, joint.find("origin").get(key).split())] for key in ("xyz", "rpy"))
        assert vector(transform.transform.translation) == pytest.approx(xyz)
        assert matrix(transform.transform.rotation) == pytest.approx(from_rpy(*rpy), abs=1e-8)


def triangles(marker):
    """(n, 3, 2) corners as seen from above."""
    points = np.array([[p.x, p.y] for p in marker.points])
    return points.reshape(-1, 3, 2)


def doubled_areas(corners):
    a, b, c = np.moveaxis(corners, -2, 0)
    return (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]


def covered(marker, points):
    """Which of the points (m, 2) a marker covers, its edges aside."""
    corners = triangles(marker)
    sides = [
        doubled_areas(np.stack(np.broadcast_arrays(a, b, points[:, None]), axis=-2))
        for a, b in ((corners[:, i], corners[:, i - 2]) for i in range(3))
    ]
    return (np.min(sides, axis=0) > 0).any(axis=1)


@pytest.mark.parametrize("name", TRACKS)
def test_road_and_borders_lie_where_the_track_says(name):
    track = load_track(name)
    track = replace(track, right_width=0.8 * track.right_width)  # so that the sides differ
    markers = {marker.ns: marker for marker in to_track_markers(track, STAMP).markers}
    random = np.random.default_rng(0)
    s = random.uniform(0.0, track.length, 300)
    lateral = random.uniform(-1.2, 1.2, 300) * track.width(s).left
    points = track.pose(s, lateral)[:, :2]
    at = track.locate(points)
    left, right = track.width(at.s)
    border = track.style.border_width
    bounds = np.stack([left, left - border, border - right, -right])
    sure = np.abs(bounds - at.lateral).min(axis=0) > 0.005  # m: a polyline cuts its corners
    assert sure.sum() > 200
    wanted = {
        "left border": (at.lateral < left) & (at.lateral > left - border),
        "road": (at.lateral < left - border) & (at.lateral > border - right),
        "right border": (at.lateral < border - right) & (at.lateral > -right),
    }
    for surface, inside in wanted.items():
        assert inside[sure].any()
        assert (covered(markers[surface], points) == inside)[sure].all()


@pytest.mark.parametrize("name", TRACKS)
def test_markers_are_static_flat_shapes_in_the_track_s_colours(name):
    track = load_track(name)
    style = track.style
    markers = to_track_markers(track, STAMP).markers
    colors = {
        "road": style.road,
        "left border": style.border,
        "right border": style.border,
        "centre line": style.dash,
        "start line": style.border,
    }
    assert [marker.ns for marker in markers] == list(colors)
    for marker in markers:
        assert (marker.header.frame_id, marker.header.stamp) == ("map", STAMP)
        assert (marker.type, marker.action) == (Marker.TRIANGLE_LIST, Marker.ADD)
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 0)
        assert vector(marker.scale).tolist() == [1.0, 1.0, 1.0]
        color = marker.color
        assert np.rint(np.array([color.r, color.g, color.b]) * 255).tolist() == list(
            colors[marker.ns]
        )
        assert color.a == 1.0
        assert (doubled_areas(triangles(marker)) > 0).all()  # lit from above
        assert {0.0 <= point.z <= 0.01 for point in marker.points} == {True}


def test_the_start_line_lies_across_the_road_and_the_dashes_along_its_middle():
    track = load_track("reinvent_2018")
    markers = {marker.ns: marker for marker in to_track_markers(track, STAMP).markers}
    left, right = (float(width) for width in track.width(0.0))
    across = np.linspace(0.06 - right, left - 0.06, 20)
    assert covered(markers["start line"], track.pose(0.0, across)[:, :2]).all()
    assert not covered(markers["start line"], track.pose([0.05, -0.05], 0.1)[:, :2]).any()
    s = np.arange(0.0, track.length, 0.03)
    assert covered(markers["centre line"], track.pose(s)[:, :2]).mean() == pytest.approx(
        0.5, abs=0.03
    )
    beside = track.pose(s, track.style.dash_width)[:, :2]
    assert not covered(markers["centre line"], beside).any()


def test_a_track_without_dashes_has_no_marker_for_them():
    track = load_track("reinvent_2018")
    track = replace(track, style=replace(track.style, dash_width=0.0))
    names = [marker.ns for marker in to_track_markers(track, STAMP).markers]
    assert names == ["road", "left border", "right border", "start line"]  # RViz refuses empty ones


@pytest.mark.parametrize("name", TRACKS)
def test_the_centre_line_is_a_closed_path_in_driving_direction(name):
    track = load_track(name)
    path = to_centerline(track, STAMP)
    assert path.header.frame_id == "map"
    assert path.poses[0] == path.poses[-1]
    assert all(pose.header == path.header for pose in path.poses)
    points = np.array([vector(pose.pose.position) for pose in path.poses])
    steps = np.diff(points, axis=0)
    assert np.hypot(*steps.T[:2]).sum() == pytest.approx(track.length)
    assert not points[:, 2].any()
    yaw = np.array([yaw_of(pose.pose.orientation) for pose in path.poses[:-1]])
    along = steps[:, 0] * np.cos(yaw) + steps[:, 1] * np.sin(yaw)
    assert (along > 0.99 * np.hypot(*steps.T[:2])).all()
    assert same_after_a_journey(path)
