"""The newest picture counts, and a lost camera is found again."""

import itertools
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from deepracer_hw import capture
from deepracer_hw.camera import CameraFault, Shot
from deepracer_hw.capture import Capture

TIMEOUT = 120.0  # s that a condition is waited for


def shot(number):
    return Shot(np.zeros((2, 2, 3), np.uint8), float(number))


@contextmanager
def reading(pictures, tell=lambda: None):
    begun = Capture(pictures, tell)
    begun.start()
    try:
        yield begun
    finally:
        begun.close()


def test_only_the_newest_picture_is_taken_and_only_once():
    read = threading.Event()

    def pictures():
        yield from map(shot, range(5))
        read.set()
        yield from ()

    with reading(pictures) as camera:
        assert read.wait(TIMEOUT)
        assert camera.take().captured == 4.0
        assert camera.take() is None


def test_each_picture_is_told_of():
    told = threading.Semaphore(0)

    def pictures():
        yield from map(shot, range(3))

    with reading(pictures, told.release):
        for _ in range(3):
            assert told.acquire(timeout=TIMEOUT)


@pytest.mark.parametrize("kind", [CameraFault, OSError])
def test_a_lost_camera_is_opened_again_and_its_fault_is_told_until_then(monkeypatch, kind):
    monkeypatch.setattr(capture, "_RETRY", 0.01)
    attempts, plugged_in, told = itertools.count(), threading.Event(), threading.Semaphore(0)

    def pictures():
        next(attempts)
        if not plugged_in.is_set():
            raise kind("it is unplugged")
        while True:
            yield shot(0)
            plugged_in.wait(0.01)

    with reading(pictures, told.release) as camera:
        while next(attempts) < 5:
            pass
        assert camera.fault == "it is unplugged"
        plugged_in.set()
        assert told.acquire(timeout=TIMEOUT)
        assert told.acquire(timeout=TIMEOUT)
        assert camera.fault == ""


def test_the_end_of_a_film_is_told_and_it_is_not_begun_anew():
    begun = []

    def pictures():
        begun.append(1)
        yield shot(0)

    camera = Capture(pictures, lambda: None)
    camera.start()
    camera._thread.join(TIMEOUT)
    assert camera.fault == "the film has ended"
    assert begun == [1]


def test_the_camera_is_let_go_of_at_the_end():
    told, let_go = threading.Event(), threading.Event()

    def pictures():
        try:
            while True:
                yield shot(0)
                told.wait(0.001)
        finally:
            let_go.set()

    with reading(pictures, told.set):
        assert told.wait(TIMEOUT)
    assert let_go.is_set()


def test_a_camera_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(capture, "_PATIENCE", 0.05)
    release = threading.Event()

    def pictures():
        release.wait(TIMEOUT)
        yield shot(0)

    with reading(pictures) as camera:
        pass
    assert camera._thread.is_alive()
    assert camera._thread.daemon
    release.set()
