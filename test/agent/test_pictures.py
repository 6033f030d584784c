"""The picture and the video of an evaluation."""

import cv2
import numpy as np
import pytest

from deepracer_agent.evaluate import Rules, drive_laps
from deepracer_agent.pictures import LinePicture, Video
from deepracer_sim.errors import UserError
from deepracer_sim.fleet import Fleet
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld


@pytest.fixture
def fleet(round_track):
    return Fleet([EmbeddedWorld(load_track(round_track), 1)], round_robin=False)


def straight_on(frames):
    return np.tile([0.0, 2.0], (len(frames), 1))


def drive(fleet, *watchers):
    """Drive off the track twice, with 0.2 s of penalty in between."""
    drive_laps(fleet, straight_on, Rules(1, off_track_penalty=0.2, max_resets=1), watchers)


def film(path, fleet, driving=drive):
    with Video(path, fleet.worlds[0], 0) as video:
        driving(fleet, video)


def read_video(path):
    """Frames (n, h, w, 3) and frames per second."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return np.array(frames), capture.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "webm"])
def test_a_video_shows_every_control_period(fleet, tmp_path, suffix):
    path = tmp_path / "new" / f"drive.{suffix}"
    steps = []
    with Video(path, fleet.worlds[0], 0) as video:
        drive(fleet, video, steps.append)
        assert not path.exists()  # not before it is whole
    frames, rate = read_video(path)
    assert len(frames) == len(steps) + 3  # while the car waits, the picture stands
    assert rate == pytest.approx(15.0, abs=0.1)
    # the camera, 640x480, and the round track's map beside it, about as wide as high
    assert frames.shape[1] == 480
    assert frames.shape[2] == pytest.approx(640 + 480, abs=4)
    camera, track = frames[0][:, :640], frames[0][:, 640:]
    assert camera.std() > 10.0
    assert track.std() > 10.0
    assert not np.array_equal(frames[0], frames[-1])
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("end", [KeyboardInterrupt, UserError, ZeroDivisionError])
def test_half_a_video_is_not_kept(fleet, tmp_path, end):
    def broken_off(fleet, video):
        drive(fleet, video)
        raise end

    path = tmp_path / "drive.avi"
    path.write_bytes(b"an older one")
    with pytest.raises(end):
        film(path, fleet, broken_off)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"an older one"


@pytest.mark.parametrize("name", ["drive.gif", "drive", "mp4", "drive.avi.txt"])
def test_another_ending_is_refused_before_the_drive(fleet, tmp_path, name):
    with pytest.raises(UserError, match=r"a video ends in \.mp4, \.webm, \.avi"):
        Video(tmp_path / name, fleet.worlds[0], 0)
    assert not list(tmp_path.iterdir())


def test_a_place_that_refuses_is_told_before_the_drive(fleet, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.avi").mkdir()
    for name in ("file/drive.avi", "folder.avi"):
        with pytest.raises(UserError, match="Cannot write"):
            Video(tmp_path / name, fleet.worlds[0], 0)


def test_opencv_that_cannot_write_is_told_before_the_drive(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2.VideoWriter, "fourcc", lambda *_: 0)
    with pytest.raises(UserError, match=r"OpenCV writes no \.mp4"):
        Video(tmp_path / "drive.mp4", fleet.worlds[0], 0)
    assert not list(tmp_path.iterdir())


def test_the_driven_lines_become_a_picture(fleet, tmp_path):
    line = LinePicture(fleet.worlds[0].track, 0)
    drive(fleet, line)
    path = tmp_path / "lines.png"
    line.write(path)
    picture = cv2.imread(str(path))
    assert picture.shape == (770, 1100, 3)
    assert picture.std() > 10.0


def test_a_jump_back_to_the_track_is_no_driven_line(fleet):
    line, steps = LinePicture(fleet.worlds[0].track, 0), []
    drive(fleet, line, steps.append)
    ends, speed = line._segments()
    assert len(ends) == len(speed) == len(steps) - 2  # n points have n - 1 lines between them
    assert speed.max() < 2.1
    assert np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max() < 0.15


def test_a_picture_that_cannot_be_written_is_told(fleet, tmp_path):
    line = LinePicture(fleet.worlds[0].track, 0)
    drive(fleet, line)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        line.write(tmp_path / "file" / "lines.png")
