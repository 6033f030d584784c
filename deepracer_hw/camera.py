"""The camera's pictures: from a V4L2 device, or from a film that stands in for one."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# OpenCV reads these when it is loaded.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")  # s until a silent device is lost
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # a lost one is looked for every second

import cv2

Frame = NDArray[np.uint8]
Pictures = Generator[tuple[Frame, float], None, None]

_PIXELS = (640, 480)  # asked of the device: the stock firmware's, four times the agent's frame
_FILM_RATE = 15.0  # pictures/s of a folder that is told no rate: the simulation's
_IMAGES = (".jpeg", ".jpg", ".png")


class CameraFault(Exception):
    """Why there are no pictures, and what to do."""


class Shot(NamedTuple):
    """One picture."""

    frame: Frame  # (height, width, 3): red, green, blue
    captured: float  # s of time.monotonic()


def locate(device: str, root: Path) -> Path:
    """Where a camera is: `2` is /dev/video2 below the root, all else is a path as it stands."""
    return root / "dev" / f"video{device}" if device.isdecimal() else Path(device)


def shots(
    path: Path, rate: float, size: tuple[int, int], loop: bool
) -> Generator[Shot, None, None]:
    """Yield pictures as they come, at most `rate` a second (0: as many as there are).

    path: a V4L2 device, a video file or a folder of images; a film is shown at the rate, or at its
    own, over and over if `loop`. size: width and height, pixels, that they are reduced to.
    Raises CameraFault where there is nothing to see, or nothing any more.
    """
    if not path.exists():
        raise CameraFault(f"{path} does not exist: is the camera plugged in?")
    pictures = _device(path, rate) if path.is_char_device() else _film(path, rate, loop)
    with closing(pictures):
        for picture, captured in pictures:
            yield Shot(reduced(picture, size), captured)


def reduced(picture: Frame, size: tuple[int, int]) -> Frame:
    """An OpenCV picture (h, w, 3), blue first, as red, green, blue of a size (width, height).

    Each pixel becomes the mean of those that it covers, as the simulated camera's are.
    """
    return cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


class Pace:
    """Which pictures of a faster stream are due."""

    def __init__(self, rate: float) -> None:
        """rate: 1/s; 0: all are."""
        self._period = 1.0 / rate if rate else 0.0
        self._due = -np.inf

    def is_due(self, captured: float) -> bool:
        """Whether to take the picture that was captured then, s; the early ones are left out."""
        if captured < self._due - self._period / 4:  # the devices' own clocks are no metronomes
            return False
        is_on_time = captured - self._due < self._period
        self._due = (self._due if is_on_time else captured) + self._period
        return True


def _device(path: Path, rate: float) -> Pictures:
    """Pictures of a V4L2 device, and when they were captured; each is the newest when it comes."""
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraFault(f"{path} may not be read: sudo usermod -aG video $USER, and log in again")
    pace = Pace(rate)
    with _opened(path, cv2.CAP_V4L2) as camera:
        _set_up(camera, rate)
        while camera.grab():
            captured = _captured(camera)
            if pace.is_due(captured):
                complete, picture = camera.retrieve()
                if complete:  # cameras send torn JPEGs now and then
                    yield picture, captured
    raise CameraFault(f"{path} gives no pictures any more: is it unplugged, or used elsewhere?")


@contextmanager
def _opened(path: Path, backend: int) -> Iterator[Any]:
    camera = cv2.VideoCapture(str(path), backend)
    try:
        if not camera.isOpened():
            raise CameraFault(
                f"{path} is no camera or video that can be read, or another program uses it"
            )
        yield camera
    except cv2.error as error:  # what OpenCV did not expect of a driver
        raise CameraFault(f"{path}: {error}") from error
    finally:
        camera.release()


def _set_up(camera: Any, rate: float) -> None:
    """Ask the device for JPEG: uncompressed, USB 2 carries this size at a few pictures a second."""
    width, height = _PIXELS
    camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    if rate:
        camera.set(cv2.CAP_PROP_FPS, rate)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 2)  # one is filled while the other is read: no queue


def _captured(camera: Any) -> float:
    """When the device captured the picture, s; drivers stamp it with the clock of monotonic().

    One from the future is of another clock, and 0 is none: then it is now. An old one is believed,
    as nobody must drive by a picture that waited in the driver.
    """
    now, stamp = time.monotonic(), camera.get(cv2.CAP_PROP_POS_MSEC) / 1e3
    return stamp if 0.0 < stamp <= now else now


def _film(path: Path, rate: float, loop: bool) -> Pictures:
    """Pictures of a video file or a folder, in time; the time of capture is when they are shown."""
    source = _images if path.is_dir() else _video
    due = time.monotonic()
    while True:
        period = None
        for picture, own_rate in source(path):
            period = 1.0 / (rate or own_rate)
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + period, time.monotonic())
            yield picture, time.monotonic()
        if period is None:
            raise CameraFault(f"{path} holds no pictures")
        if not loop:
            return


def _video(path: Path) -> Pictures:
    """Pictures of a file, each with their rate, 1/s."""
    with _opened(path, cv2.CAP_ANY) as video:
        rate = video.get(cv2.CAP_PROP_FPS)
        while True:
            complete, picture = video.read()
            if not complete:
                return
            yield picture, rate if rate > 0.0 else _FILM_RATE


def _images(folder: Path) -> Pictures:
    """Pictures of a folder by their names, each with their rate, 1/s."""
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGES):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise CameraFault(f"{path} is no picture that can be read")
        yield picture, _FILM_RATE
