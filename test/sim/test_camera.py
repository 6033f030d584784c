import math
from dataclasses import replace

import numba
import numpy as np
import pytest
import yaml

from deepracer_sim import camera as camera_module
from deepracer_sim.camera import WALL_HEIGHT, Camera, Renderer, load_camera
from deepracer_sim.files import share_directory
from deepracer_sim.grey import grey
from deepracer_sim.ground import Ground, draw_ground
from deepracer_sim.looks import plain_looks
from deepracer_sim.track import Style
from deepracer_sim.track_files import load_track, shipped_tracks

PRESETS = sorted(yaml.safe_load((share_directory() / "config" / "camera.yaml").read_text()))
STYLE = Style(wall=(20, 20, 20), sky=(200, 200, 200))
WALL, SKY = 20, 200
SHADES = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)  # a palette of greys


def picture(camera, ground, pose=(0.0, 0.0, 0.0)):
    """One grey frame as floats."""
    return Renderer(camera, ground, STYLE).grey(np.array([pose]))[0].astype(float)


def blank(size, texel, level=100):
    """A square floor of one colour around the origin."""
    cells = round(size / texel)
    return Ground(np.full((cells, cells), level, np.uint8), SHADES, (-size / 2, -size / 2), texel)


def blotches(cells=512, texel=0.01, origin=(-2.56, -2.56)):
    """A floor of random patches of 8 x 8 texels."""
    small = np.random.default_rng(3).integers(0, 256, (cells // 8, cells // 8), np.uint8)
    return Ground(np.kron(small, np.ones((8, 8), np.uint8)), SHADES, origin, texel)


def rays(camera, columns, rows):
    """Directions (..., 3) in base_link of the rays through pixels; 1 along the optical axis."""
    right = (columns - (camera.width - 1) / 2) / camera.focal_length
    down = (rows - (camera.height - 1) / 2) / camera.focal_length
    sine, cosine = math.sin(camera.pitch), math.cos(camera.pitch)
    return np.stack((cosine - down * sine, -right, -sine - down * cosine), axis=-1)


def floor_point(camera, column, row):
    """Where a pixel's ray meets the floor, (2,) in base_link."""
    ray = rays(camera, np.float64(column), np.float64(row))
    return np.array([camera.x, 0.0]) - camera.z / ray[2] * ray[:2]


def traced(camera, ground, style, pose, samples=4):
    """A frame by ray casting to the nearest of floor, walls and sky; `samples`**2 a pixel."""
    part = (np.arange(samples) + 0.5) / samples - 0.5
    rows = (np.arange(camera.height)[:, None] + part).ravel()[:, None]
    columns = (np.arange(camera.width)[:, None] + part).ravel()[None, :]
    ray = rays(camera, *np.broadcast_arrays(columns, rows))
    x, y, yaw = pose
    cosine, sine = math.cos(yaw), math.sin(yaw)
    eye = np.array([x + camera.x * cosine, y + camera.x * sine])
    turned = ray[..., :2] @ np.array([[cosine, sine], [-sine, cosine]])
    low, high = np.array(ground.bounds[:2]), np.array(ground.bounds[2:])
    with np.errstate(divide="ignore", invalid="ignore"):
        to_wall = np.where(turned > 0, (high - eye) / turned, (low - eye) / turned).min(axis=-1)
        to_floor = np.where(ray[..., 2] < 0, -camera.z / ray[..., 2], np.inf)
    hit = eye + np.minimum(to_floor, to_wall)[..., None] * turned
    column, row = np.moveaxis(((hit - ground.origin) / ground.texel).astype(int), -1, 0)
    last_row, last_column = np.array(ground.index.shape) - 1
    floor = grey(ground.palette)[ground.index[row.clip(0, last_row), column.clip(0, last_column)]]
    wall, sky = grey(np.array([style.wall, style.sky], np.uint8))
    above = camera.z + to_wall * ray[..., 2] > WALL_HEIGHT
    seen = np.where(to_floor < to_wall, floor, np.where(above, sky, wall)).astype(float)
    return seen.reshape(camera.height, samples, camera.width, samples).mean(axis=(1, 3))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_optical_axis_is_the_middle_and_the_field_of_view_the_edges(preset):
    camera = load_camera(preset, 200, 100)
    ahead = np.array([math.cos(camera.pitch), 0.0, -math.sin(camera.pitch)])
    aside = np.array([0.0, math.tan(camera.horizontal_fov / 2), 0.0])
    eye = np.array([camera.x, 0.0, camera.z])
    pixels = camera.project(eye + 3.0 * np.stack([ahead, ahead + aside, ahead - aside]))
    np.testing.assert_allclose(pixels, [[99.5, 49.5], [-0.5, 49.5], [199.5, 49.5]], atol=1e-9)
    assert np.isnan(camera.project(eye - ahead)).all()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(160, 120), (640, 480), (80, 60), (97, 61)])
def test_a_mark_on_the_floor_lands_where_a_pinhole_sees_it(preset, size):
    camera, errors = load_camera(preset, *size), []
    for across, down in [(0.5, 0.6), (0.2, 0.75), (0.8, 0.75), (0.35, 0.9), (0.65, 0.5)]:
        pixel = across * size[0], down * size[1]
        middle = floor_point(camera, *pixel)
        aside = floor_point(camera, pixel[0] + 1.5, pixel[1])
        half = max(0.01, np.abs(aside - middle).max())  # about 3 pixels wide
        errors.append(mark_error(camera, middle, half))
    assert np.abs(errors).max() < 0.5
    assert np.abs(np.mean(errors, axis=0)).max() < 0.25


def mark_error(camera, middle, half, texel=0.0025):
    """How far, in pixels, a square on the floor is seen from where it should be."""
    ground, plain = (blank(4.0, texel, 50) for _ in range(2))
    first = np.round((middle - half + 2.0) / texel).astype(int)
    last = np.round((middle + half + 2.0) / texel).astype(int)
    ground.index[first[1] : last[1], first[0] : last[0]] = 250
    seen = picture(camera, ground) - picture(camera, plain)
    row, column = np.mgrid[: camera.height, : camera.width]
    (x0, y0), (x1, y1) = first * texel - 2.0, last * texel - 2.0
    square = np.array([[x0, y0, 0.0], [x1, y0, 0.0], [x1, y1, 0.0], [x0, y1, 0.0]])
    wanted = centroid(camera.project(square))
    return np.array([(seen * column).sum(), (seen * row).sum()]) / seen.sum() - wanted


def centroid(polygon):
    """Centre of gravity (2,) of a polygon (n, 2): shoelace formula."""
    following = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]
    return ((polygon + following) * cross[:, None]).sum(axis=0) / (3.0 * cross.sum())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["reinvent_2018", "chicane"])
def test_pictures_are_those_of_a_ray_tracer(preset, name):
    camera, track = load_camera(preset), load_track(name)
    ground = draw_ground(track, texel=0.005)
    renderer = Renderer(camera, ground, track.style)
    for pose in track.pose(np.array([0.1, 0.45, 0.8]) * track.length, 0.1):
        error = np.abs(renderer.grey(pose[None])[0] - traced(camera, ground, track.style, pose))
        assert error.mean() < 3.0
        assert np.mean(error > 40.0) < 0.01  # pixels on an edge between two surfaces


def test_floor_and_car_moved_together_give_the_same_picture():
    camera, ground = load_camera(), blotches()
    moved = replace(ground, origin=(ground.origin[0] + 3.0, ground.origin[1] - 1.0))
    before = picture(camera, ground, (-0.7, 0.3, 0.4))
    after = picture(camera, moved, (2.3, -0.7, 0.4))
    assert np.mean(np.abs(before - after) > 1.0) < 0.01  # rounding to the next texel


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_floor_and_car_turned_together_give_the_same_picture(quarters):
    camera, ground = load_camera(), blotches()
    # row 0 is the lowest y, so rot90, which is counter-clockwise on paper, is clockwise here
    turned = replace(ground, index=np.ascontiguousarray(np.rot90(ground.index, -quarters)))
    x, y, yaw = -0.7, 0.3, 0.4
    position = complex(x, y) * 1j**quarters
    before = picture(camera, ground, (x, y, yaw))
    after = picture(camera, turned, (position.real, position.imag, yaw + quarters * np.pi / 2))
    assert np.mean(np.abs(before - after) > 1.0) < 0.02


def test_a_mirrored_track_and_pose_give_the_mirrored_picture():
    camera, ground = load_camera(), blotches()
    mirrored = replace(ground, index=np.ascontiguousarray(ground.index[::-1]))
    before = picture(camera, ground, (-0.7, 0.3, 0.4))
    after = picture(camera, mirrored, (-0.7, -0.3, -0.4))
    assert np.mean(np.abs(before - after[:, ::-1]) > 1.0) < 0.02
    assert np.mean(np.abs(before - after) > 1.0) > 0.3


@pytest.mark.parametrize("yaw", [0.0, 0.5 * np.pi, np.pi, -0.5 * np.pi])
def test_directions_along_an_axis_are_nothing_special(yaw):
    camera, ground = load_camera(), blotches()
    exact, near = (picture(camera, ground, (0.2, 0.1, a)) for a in (yaw, yaw + 1e-7))
    whole_turn = picture(camera, ground, (0.2, 0.1, yaw + 2.0 * np.pi))
    assert np.mean(np.abs(exact - near) > 1.0) < 0.01
    assert np.mean(np.abs(exact - whole_turn) > 1.0) < 0.01


def test_an_endless_floor_fills_everything_below_the_horizon():
    camera = load_camera()
    horizon = (camera.height - 1) / 2 - camera.focal_length * math.tan(camera.pitch)
    for yaw in (0.0, 0.3, -2.0):
        frame = picture(camera, blank(4000.0, 1.0, 77), (0.0, 0.0, yaw))
        assert np.all(frame[math.ceil(horizon + 0.5) :] == 77)
        assert np.all(frame[: math.floor(horizon - 0.5)] == SKY)


@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (1.0, 0.5, np.pi / 2), (-1.0, 0.0, np.pi)])
@pytest.mark.parametrize("preset", PRESETS)
def test_walls_stand_where_the_floor_ends_and_are_as_high_as_said(preset, pose):
    camera, half = load_camera(preset, 320, 240), 3.0
    heading = np.array([math.cos(pose[2]), math.sin(pose[2])])
    ahead = half - float(heading @ pose[:2])
    frame = picture(camera, blank(2 * half, 0.01, 100), pose)[:, camera.width // 2]
    foot, top = camera.project(np.array([[ahead, 0.0, 0.0], [ahead, 0.0, WALL_HEIGHT]]))[:, 1]
    row = np.arange(camera.height)
    assert np.all(frame[row > foot + 1.0] == 100)
    assert np.all(frame[(row > top + 1.0) & (row < foot - 1.0)] == WALL)
    assert np.all(frame[row < top - 1.0] == SKY)


def test_from_outside_or_far_away_there_is_still_a_picture():
    camera, ground = load_camera(), blotches()
    for pose in [(9.0, 0.0, 0.0), (-2.7, 0.0, 1.0), (1e5, -1e5, 2.0), (2.56, 2.56, 0.8)]:
        frame = picture(camera, ground, pose)
        np.testing.assert_array_equal(frame, picture(camera, ground, pose))
    assert np.all(picture(camera, ground, (1e5, -1e5, -0.8)) == WALL)


@pytest.mark.parametrize("pitch_deg", [-90, -30, 0, 45, 90])
@pytest.mark.parametrize("fov_deg", [1, 64.7, 120, 170])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (33, 21)])
def test_every_lens_and_size_draws_what_a_ray_tracer_sees(pitch_deg, fov_deg, size):
    camera = Camera(0.1, 0.13, math.radians(pitch_deg), math.radians(fov_deg), *size)
    ground, pose = blank(5.12, 0.01, 100), (0.3, -0.2, 0.7)
    frame = picture(camera, ground, pose)
    assert frame.shape == size[::-1]
    wanted = traced(camera, ground, STYLE, pose, samples=8)
    even = np.isin(wanted, (WALL, 100, SKY))  # not on an edge
    assert np.abs(frame - wanted)[even].max(initial=0.0) < 1.0


@pytest.mark.parametrize("name", ["reinvent_2018", "lagoon"])
def test_colour_and_grey_agree(name):
    track = load_track(name)
    renderer = Renderer(load_camera(), draw_ground(track, texel=0.005), track.style)
    poses = track.pose(np.linspace(0.0, track.length, 8), 0.1)
    frames = renderer.rgb(poses)
    assert frames.shape == (8, 120, 160, 3)
    assert np.abs(grey(frames).astype(int) - renderer.grey(poses)).max() <= 2


def test_light_scales_the_brightness_of_each_car():
    renderer = Renderer(load_camera(), blank(6.0, 0.01, 100), STYLE)  # wall 20, floor 100, sky 200
    poses = np.zeros((5, 3))
    plain = renderer.grey(poses[:1])[0].astype(float)
    frames = renderer.grey(
        poses, plain_looks(5)._replace(light=np.array([1.0, 0.5, 0.0, 1.2, 100.0]))
    )
    np.testing.assert_array_equal(frames[0], plain)
    np.testing.assert_allclose(frames[1], plain / 2, atol=1.0)
    assert not frames[2].any()
    np.testing.assert_allclose(frames[3], 1.2 * plain, atol=1.0)
    assert np.all(frames[4] == 255)  # too bright is white, and does not wrap to black


def test_a_row_of_distant_stripes_has_their_mean():
    camera, cells = load_camera(), 4096
    along = np.kron(np.arange(cells // 4) % 2, np.ones(4)).astype(np.uint8) * 200 + 20  # 1 cm
    index = np.ascontiguousarray(np.broadcast_to(along, (cells, cells)))
    for drawing in (index, np.ascontiguousarray(index.T)):
        ground = Ground(drawing, SHADES, (-5.12, -5.12), 0.0025)
        frame = picture(camera, ground, (0.0, 0.0, 0.1))
        foot = camera.project(np.array([4.4, 0.0, 0.0]))[1]
        far = frame[math.ceil(foot) : math.ceil(foot) + 8]
        assert far.mean(axis=1) == pytest.approx(120.0, abs=6.0)
        assert far.std() < 12.0


def test_distant_rows_hardly_change_when_the_car_moves_by_a_millimetre():
    track = load_track("oval")
    renderer = Renderer(load_camera(), draw_ground(track), track.style)
    frames = renderer.grey(track.pose(0.5 + np.arange(60) * 0.001)).astype(float)
    change = np.abs(np.diff(frames, axis=0))
    far = slice(0, 60)  # from the horizon to 0.3 m ahead
    assert change[:, far].mean(axis=2).max() < 12.0  # of any row at any moment
    assert change[:, far].mean() < 1.0
    assert change.mean() > 0.05  # the near ones do change


@pytest.mark.parametrize("name", ["reinvent_2018", "alley"])
def test_a_small_picture_is_the_large_one_averaged(name):
    track = load_track(name)
    ground = draw_ground(track)
    poses = track.pose(np.linspace(0.0, track.length, 20))
    large, small = (
        Renderer(load_camera(width=width, height=height), ground, track.style).grey(poses)
        for width, height in ((160, 120), (80, 60))
    )
    error = np.abs(large.reshape(20, 60, 2, 80, 2).mean(axis=(2, 4)) - small)
    assert error.mean() < 3.0
    assert np.mean(error > 40.0) < 0.01


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", shipped_tracks())
def test_every_track_and_lens_renders_alike_one_by_one_and_together(preset, name):
    track = load_track(name)
    renderer = Renderer(load_camera(preset, 64, 48), draw_ground(track, texel=0.01), track.style)
    poses = track.pose(np.linspace(0.0, track.length, 7), 0.1)
    for draw in (renderer.grey, renderer.rgb):
        together = draw(poses)
        assert together.dtype == np.uint8
        np.testing.assert_array_equal(together, draw(poses))
        np.testing.assert_array_equal(together, np.concatenate([draw(p[None]) for p in poses]))
        assert len(draw(poses[:0])) == 0
    road = renderer.rgb(poses)[:, -3:, 20:30].mean(axis=(1, 2))  # left of the dashes
    assert np.abs(road - track.style.road).max() < 12.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e7])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_poses_that_are_no_poses_are_refused(bad, column):
    poses = np.zeros((3, 3))
    poses[1, column] = bad
    with pytest.raises(ValueError, match="poses must be finite"):
        Renderer(load_camera(), blank(5.12, 0.01), STYLE).grey(poses)


def test_a_drawing_too_long_to_count_is_refused():
    ground = Ground(np.zeros((2, 2**15), np.uint8), SHADES, (0.0, 0.0), 0.01)
    with pytest.raises(ValueError, match="at most 32767"):
        Renderer(load_camera(), ground, STYLE)


def test_a_walk_never_reads_outside_of_its_drawing():
    """Random cameras, drawings and poses, with the checks that the compiled kernel goes without.

    Every copy of the drawing holds one shade of its own, so that a picture shows what was read.
    """
    kernel = numba.njit(boundscheck=True, error_model="numpy")(camera_module._draw_one.py_func)
    for renderer, poses in random_scenes():
        walks, pyramid = renderer._walks, renderer._grey
        (rows,) = walks.first
        counts = np.diff(np.append(pyramid.start, len(pyramid.texels)))
        pyramid.texels[:] = np.repeat(100 + np.arange(len(counts)), counts)
        camera = renderer.camera
        lens = np.array([camera.x, camera.z, camera.focal_length])
        frame = np.empty((camera.height, camera.width), np.uint8)
        for pose in poses:
            shades = np.append(np.arange(256), [0, 0]).astype(np.float32)
            kernel(pyramid, walks, rows, renderer._bounds, lens, pose, shades, frame)
            for row, (first, last) in enumerate(zip(rows[:-1], rows[1:], strict=True)):
                share = np.arange(last - first + 1) / (last - first)
                possible = np.floor(share * (100 + walks.level[first]) + 0.5)
                assert set(np.unique(frame[row])) <= set(possible)


def random_scenes(count=150):
    """Renderers, half of them with coarse texels and wide pictures, and poses (m, 3) for each."""
    rng = np.random.default_rng(5)
    sizes = [(160, 120), (1, 1), (7, 3), (1, 200), (2000, 8), (4000, 6)]
    axes = [0.0, 0.5 * np.pi, np.pi, -0.5 * np.pi, 1e-18, -1e-18]
    for k in range(count):
        rows, columns = rng.integers(1, 150, 2)
        texel, origin = 10.0 ** rng.uniform(-2.5, 0.0), rng.uniform(-50.0, 50.0, 2)
        index = np.zeros((rows, columns), np.uint8)
        ground = Ground(index, SHADES, (origin[0], origin[1]), texel)
        fov = math.radians(rng.choice([1.0, 64.7, 120.0, 170.0]))
        pitch = rng.choice([0.0, 0.26, np.pi / 2, rng.uniform(-1.5, 1.5)])
        camera = Camera(rng.uniform(-1, 1), rng.uniform(0.01, 0.9), pitch, fov, *sizes[k % 6])
        poses = rng.uniform(0.0, 1.0, (6, 3)) * [columns * texel, rows * texel, 6.3]
        poses[:3, 2] = rng.choice(axes, 3)
        poses[3, :2] += rng.uniform(-9e5, 9e5, 2)
        poses[4, :2] *= [0.0, 1.0]  # on a wall
        yield Renderer(camera, ground, STYLE), poses + [*origin, 0.0]
    camera = load_camera(width=161, height=121)
    for eighths in (1, 3):  # of a pixel: one walk goes to the horizon, 1e9 m away
        level = replace(camera, pitch=math.atan(eighths / 8.0 / camera.focal_length))
        renderer = Renderer(level, blank(2.0, 0.01), STYLE)
        assert np.abs(renderer._walks.slope).min() < 1e-9
        yield renderer, np.array([[0.3, 0.2, yaw] for yaw in axes])
