"""Other light and other paint, without another drawing."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepracer_sim.camera import Renderer, load_camera
from deepracer_sim.ground import draw_ground
from deepracer_sim.looks import SURFACES, colours_of, plain_looks, shades_seen
from deepracer_sim.track import Style
from deepracer_sim.track_files import load_track

COLOURS = (100, 220, 60, 140, 20, 180)  # of SURFACES
LEVELS = np.arange(256)


def painted(paint, light=1.0, colours=COLOURS):
    """The shades (258,) that one car sees."""
    looks = plain_looks(1)._replace(light=np.array([light]), paint=np.array([paint], float))
    return shades_seen(colours, looks)[0]


def test_what_is_plain_is_seen_as_it_is():
    np.testing.assert_array_equal(painted([0] * 6), [*LEVELS, 20, 180])


def test_each_surface_has_its_own_paint():
    paint = [10, -20, 15, 5, 30, -40]
    seen = painted(paint)
    np.testing.assert_allclose(seen[list(COLOURS[:4])], np.add(COLOURS, paint)[:4])
    np.testing.assert_allclose(seen[256:], [50, 140])


def test_what_lies_between_two_surfaces_is_painted_between():
    seen = painted([10, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(
        (seen - [*LEVELS, 20, 180])[[60, 80, 100, 120, 140]], [0, 5, 10, 5, 0]
    )


def test_one_paint_on_all_is_a_brighter_world():
    np.testing.assert_allclose(painted([7] * 6)[:249], LEVELS[:249] + 7)


def test_surfaces_of_one_shade_share_their_paint():
    alike = (100, 100, 60, 60, 20, 20)
    seen = painted([10, 30, 0, 0, 0, 0], colours=alike)
    np.testing.assert_allclose(seen[[60, 100]], [60, 120])


@given(
    st.lists(st.floats(-300, 300), min_size=6, max_size=6),
    st.floats(0, 10),
    st.tuples(*[st.integers(0, 255)] * 6),
)
def test_shades_stay_shades(paint, light, colours):
    seen = painted(paint, light, colours)
    assert seen.shape == (258,)
    assert ((seen >= 0) & (seen <= 255)).all()


def test_a_style_has_the_colours_of_all_surfaces():
    style = Style()
    assert len(colours_of(style)) == len(SURFACES)
    assert colours_of(style)[2] == style.road


def test_a_repainted_track_looks_like_one_drawn_so():
    track = load_track("oval")
    style = replace(track.style, road=tuple(value + 30 for value in track.style.road))
    other = replace(track, style=style)
    here, there = (Renderer(load_camera(), draw_ground(t, 0.005), t.style) for t in (track, other))
    poses = track.pose(np.linspace(0.0, track.length, 8), 0.1)
    paint = np.tile([30.0 if name == "road" else 0.0 for name in SURFACES], (8, 1))
    drawn = there.grey(poses).astype(float)
    seen = here.grey(poses, plain_looks(8)._replace(paint=paint))
    assert np.abs(seen - drawn).mean() < 0.1 * np.abs(here.grey(poses) - drawn).mean()


def test_each_car_looks_through_its_own_camera():
    track = load_track("oval")
    ground = draw_ground(track, 0.005)
    cameras = [load_camera(preset) for preset in ("aws_sim", "deepracer_lens")]
    renderer = Renderer(cameras[0], ground, track.style)
    renderer.mount(cameras[1:])
    poses = track.pose(np.zeros(4), 0.0)
    seen = renderer.grey(poses, plain_looks(4)._replace(camera=np.array([0, 1, 1, 0])))
    alone = [Renderer(camera, ground, track.style).grey(poses[:1])[0] for camera in cameras]
    np.testing.assert_array_equal(seen, [alone[0], alone[1], alone[1], alone[0]])
