"""Pictures from films, and which pictures of a stream are taken. Devices: test_hw_camera.py."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepracer_hw import camera as module
from deepracer_hw.camera import CameraFault, Pace, locate, reduced, shots

SIZE = (160, 120)
LEVELS = [20, 80, 140, 200]  # grey levels of a film's pictures


def picture(level, width=320, height=240):
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def film(tmp_path):
    """A video of four grey pictures, 20 a second."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (320, 240))
    for level in LEVELS:
        writer.write(picture(level))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path):
    """The same pictures in a folder, named out of order, and a file that is none."""
    path = tmp_path / "pictures"
    path.mkdir()
    for name, level in zip(("d.png", "b.JPG", "c.jpeg", "a.png"), [200, 80, 140, 20], strict=True):
        cv2.imwrite(str(path / name), picture(level))
    (path / "bb.txt").write_text("no picture")
    return path


class Clock:
    """A clock that stands still but for who sleeps."""

    now = 100.0  # s

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    stands = Clock()
    monkeypatch.setattr(module, "time", stands)
    return stands


def levels(shown):
    return [round(shot.frame.mean(), -1) for shot in shown]


@pytest.mark.parametrize("kind", ["film", "folder"])
def test_a_film_is_shown_once_or_over_and_over(kind, request):
    path = request.getfixturevalue(kind)
    assert levels(shots(path, 100.0, SIZE, loop=False)) == LEVELS
    endless = shots(path, 100.0, SIZE, loop=True)
    assert levels(itertools.islice(endless, 10)) == (LEVELS * 3)[:10]
    endless.close()


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 20.0), (10.0, 10.0)])
def test_a_film_is_shown_at_its_own_rate_or_at_the_given_one(film, rate, expected, clock):
    began = clock.now
    captured = [shot.captured for shot in shots(film, rate, SIZE, loop=False)]
    assert captured == pytest.approx([began + i / expected for i in range(4)])
    assert captured[-1] == clock.now


def test_a_film_whose_reader_was_late_hurries_for_one_picture_only(film, clock):
    shown = shots(film, 10.0, SIZE, loop=True)
    next(shown)
    clock.now += 5.0
    late = clock.now
    captured = [shot.captured for shot in itertools.islice(shown, 4)]
    assert captured == pytest.approx([late, late, late + 0.1, late + 0.2])
    shown.close()


def test_pictures_are_red_green_blue_and_each_pixel_is_a_mean():
    blue_first = np.zeros((480, 640, 3), np.uint8)
    blue_first[::2, ::2] = (40, 80, 160)
    small = reduced(blue_first, SIZE)
    assert small.shape == (120, 160, 3)
    assert (small == (40, 20, 10)).all()


@given(width=st.integers(1, 700), height=st.integers(1, 700), level=st.integers(0, 255))
def test_pictures_of_any_size_fit(width, height, level):
    small = reduced(picture(level, width, height), SIZE)
    assert small.shape == (120, 160, 3)
    assert (abs(small.astype(int) - level) <= 1).all()


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("absent", None, "does not exist"),
        ("text", b"no video", "no camera or video"),
        ("empty", b"", "no camera or video"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, name, content, word):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraFault, match=word):
        next(shots(path, 15.0, SIZE, loop=True))


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(CameraFault, match="holds no pictures"):
        next(shots(tmp_path, 15.0, SIZE, loop=True))


def test_a_spoilt_picture_is_named(folder):
    (folder / "b.JPG").write_bytes(b"no picture")
    with pytest.raises(CameraFault, match=r"b\.JPG is no picture"):
        list(shots(folder, 100.0, SIZE, loop=True))


def test_a_device_that_is_no_camera_is_refused():
    with pytest.raises(CameraFault, match="/dev/null is no camera"):
        next(shots(Path("/dev/null"), 15.0, SIZE, loop=True))


def test_a_number_is_a_device_below_the_root():
    assert locate("2", Path("/fake")) == Path("/fake/dev/video2")
    assert locate("film.avi", Path("/fake")) == Path("film.avi")
    assert locate("/dev/v4l/by-id/a", Path("/")) == Path("/dev/v4l/by-id/a")


def taken(rate, times):
    pace = Pace(rate)
    return [time for time in times if pace.is_due(time)]


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 60), (15.0, 30), (30.0, 60), (60.0, 60)])
def test_of_thirty_pictures_a_second_as_many_as_are_wanted_are_taken(rate, expected):
    jitter = np.random.default_rng(0).normal(0.0, 0.002, 60)
    assert len(taken(rate, 100.0 + np.arange(60) / 30 + jitter)) == expected


def test_after_a_pause_pictures_do_not_come_in_a_burst():
    times = [*np.arange(10) / 30, *(5.0 + np.arange(10) / 30)]
    assert len(taken(15.0, times)) == 10


@given(
    rate=st.floats(1.0, 60.0),
    steps=st.lists(st.floats(0.0, 0.3), min_size=1, max_size=100),
)
def test_no_stream_gives_more_pictures_than_wanted(rate, steps):
    times = np.cumsum(steps)
    assert len(taken(rate, times)) <= (times[-1] - times[0]) * rate + 2


def test_a_device_that_may_not_be_read_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(CameraFault, match="usermod -aG video"):
        next(shots(Path("/dev/null"), 15.0, SIZE, loop=True))


@pytest.mark.parametrize(("age", "expected"), [(3.0, 3.0), (-100.0, 0.0)])
def test_a_picture_is_as_old_as_its_driver_says_unless_that_is_of_another_clock(
    age, expected, clock
):
    camera = SimpleNamespace(get=lambda _: 1e3 * (clock.now - age))
    assert clock.now - module._captured(camera) == pytest.approx(expected)


def test_a_picture_without_a_stamp_is_of_now(clock):
    assert module._captured(SimpleNamespace(get=lambda _: 0.0)) == clock.now
