"""Blur and noise of a camera."""

import numpy as np
import pytest

from deepracer_sim.sensor import MOST_BLUR, spoil

ZERO = np.zeros(1)


def spoilt(frame, blur=0.0, noise=0.0, grain=0):
    frames = np.array(frame, np.uint8)[None].copy()
    spoil(frames, np.array([blur]), np.array([noise]), np.array([grain]))
    return frames[0].astype(float)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (24, 32)).astype(np.uint8)


def test_without_blur_and_noise_nothing_changes(picture):
    np.testing.assert_array_equal(spoilt(picture), picture)


def test_a_point_is_spread_over_its_neighbours():
    frame = np.zeros((5, 5))
    frame[2, 2] = 180
    spread = np.zeros((5, 5))
    spread[1:4, 1:4] = 20
    np.testing.assert_array_equal(spoilt(frame, MOST_BLUR), spread)
    half = spoilt(frame, 0.25)
    np.testing.assert_array_equal(half[2], [0, 23, 45, 23, 0])  # 22.5 rounded up
    np.testing.assert_array_equal(half[1], [0, 11, 23, 11, 0])


def test_an_even_picture_stays_even():
    np.testing.assert_array_equal(spoilt(np.full((7, 9), 113), 0.3), np.full((7, 9), 113))


def test_blur_keeps_the_light_and_takes_the_contrast(picture):
    blurred = spoilt(picture, 0.2)
    assert blurred.mean() == pytest.approx(picture.mean(), abs=1.0)
    assert blurred.std() < 0.7 * picture.std()


def test_noise_has_its_strength_and_no_bias():
    noise = spoilt(np.full((120, 160), 100), noise=8.0) - 100
    assert noise.std() == pytest.approx(8.0, rel=0.05)
    assert abs(noise.mean()) < 0.3


def test_noise_is_the_grain_s():
    flat = np.full((120, 160), 100)
    first, again, other = (spoilt(flat, noise=8.0, grain=grain) for grain in (5, 5, 6000))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("level", [0, 255])
def test_noise_never_wraps(level):
    frame = spoilt(np.full((60, 80), level), noise=20.0)
    assert np.abs(frame - level).max() < 120


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 4096)])
def test_every_size_is_taken(shape):
    assert spoilt(np.full(shape, 50), 0.3, 3.0, 65535).shape == shape


def test_each_frame_has_its_own(picture):
    frames = np.stack([picture] * 3)
    spoil(frames, np.array([0.0, 0.2, 0.0]), np.array([0.0, 0.0, 4.0]), np.zeros(3, np.int64))
    np.testing.assert_array_equal(frames[0], picture)
    np.testing.assert_array_equal(frames[1], spoilt(picture, 0.2))
    np.testing.assert_array_equal(frames[2], spoilt(picture, noise=4.0))
