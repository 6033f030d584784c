import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent.observation import (
    BLOCK,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    HEIGHT,
    SIDE,
    TOP,
    WIDTH,
    observe,
)
from deepracer_sim.camera import load_camera


def random_frames(seed, n=1, highest=255):
    shape = n, FRAME_HEIGHT, FRAME_WIDTH
    return np.random.default_rng(seed).integers(0, highest + 1, shape).astype(np.uint8)


def block_means(frames):
    """The rounded means by plain numpy."""
    kept = frames[:, TOP:, SIDE : FRAME_WIDTH - SIDE].astype(float)
    blocks = kept.reshape(len(frames), HEIGHT, BLOCK, WIDTH, BLOCK)
    return np.rint(blocks.mean(axis=(2, 4)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 255))
def test_every_pixel_is_the_mean_of_its_block(seed, n, highest):
    frames = random_frames(seed, n, highest)
    observations = observe(frames)
    assert observations.shape == (n, 1, 36, 50)
    assert observations.dtype == np.uint8
    np.testing.assert_array_equal(observations[:, 0], block_means(frames))


@given(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.integers(0, 255))
@settings(deadline=None)
def test_a_block_is_seen_in_its_pixel_only(row, column, level):
    frame = np.full((1, FRAME_HEIGHT, FRAME_WIDTH), 7, np.uint8)
    top, left = TOP + BLOCK * row, SIDE + BLOCK * column
    frame[0, top : top + BLOCK, left : left + BLOCK] = level
    expected = np.full((HEIGHT, WIDTH), 7)
    expected[row, column] = level
    np.testing.assert_array_equal(observe(frame)[0, 0], expected)


def test_the_left_out_pixels_do_not_matter():
    frames = random_frames(1, 2)
    changed = frames.copy()
    changed[:, :TOP], changed[..., :SIDE], changed[..., -SIDE:] = 0, 0, 0
    np.testing.assert_array_equal(observe(frames), observe(changed))
    assert np.all(observe(np.full_like(frames, 255)) == 255)


@pytest.mark.parametrize("preset", ["aws_sim", "deepracer_lens"])
def test_the_left_out_rows_never_see_the_floor(preset):
    camera = load_camera(preset, FRAME_WIDTH, FRAME_HEIGHT)
    horizon = camera.project(np.array([1e9, 0.0, 0.0]))[1]
    assert horizon > TOP


def test_frames_need_not_be_contiguous_and_stay_as_they_were():
    frames = random_frames(2, 4)
    before = frames.copy()
    np.testing.assert_array_equal(
        observe(frames[::2, :, ::-1]), observe(frames[::2, :, ::-1].copy())
    )
    np.testing.assert_array_equal(observe(frames[[3, 1]]), observe(frames)[[3, 1]])
    np.testing.assert_array_equal(frames, before)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 60, 80), np.uint8),
        np.zeros((1, FRAME_WIDTH, FRAME_HEIGHT), np.uint8),
        np.zeros((FRAME_HEIGHT, FRAME_WIDTH), np.uint8),
        np.zeros((1, FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8),
        np.zeros((1, FRAME_HEIGHT, FRAME_WIDTH), np.float32),
    ],
    ids=["small", "turned", "one frame alone", "colour", "floats"],
)
def test_other_frames_are_refused(frames):
    with pytest.raises(ValueError, match=r"frames must be uint8 \(n, 120, 160\), found"):
        observe(frames)
