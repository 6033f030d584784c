"""The guard as a real process, over plain files."""

import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepracer_hw import guard as module
from deepracer_hw.guard import Guard
from deepracer_hw.guard_process import PATIENCE

ROOT = Path(__file__).parents[2]
REST, MOVING = "1450000", "1400000"
# A process that beats for its guard until it is killed.
DRIVER = """
import sys, time
from pathlib import Path
from deepracer_hw.guard import Guard
guard = Guard([(Path(path), 1450000) for path in sys.argv[1:]])
print(guard.pid, flush=True)
while True:
    guard.beat()
    time.sleep(0.02)
"""


@pytest.fixture
def files(fake_car, tmp_path):
    """Two files that hold the pulse of a car that moves."""
    paths = [tmp_path / "motor", tmp_path / "servo"]
    for path in paths:
        fake_car.write(path, MOVING)
    return paths


@pytest.fixture
def guard(files):
    guard = Guard([(path, int(REST)) for path in files])
    yield guard
    with suppress(OSError):
        guard.kill()


@pytest.fixture
def driver(files):
    """The process that is guarded, after its first beats; its guard's id is `guard`."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *map(str, files)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.guard = int(process.stdout.readline())
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def at_rest(fake_car, files):
    return lambda: [fake_car.read(path) for path in files] == [REST, REST]


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def longest_silence(guard):
    """Beat for a while; return the longest time between two beats, s."""
    times = [time.monotonic()]
    while times[-1] - times[0] < 4 * PATIENCE:
        guard.beat()
        times.append(time.monotonic())
        time.sleep(0.02)
    return max(b - a for a, b in itertools.pairwise(times))


def test_it_leaves_the_car_alone_while_the_driver_beats(files, at_rest):
    for _ in range(10):  # a busy machine may keep this process from beating in time
        guard = Guard([(path, int(REST)) for path in files])
        try:
            with suppress(ChildProcessError):  # it has acted
                if longest_silence(guard) < PATIENCE / 2:
                    assert not at_rest()
                    return
        finally:
            guard.kill()
    pytest.fail("it acted, or this machine is too busy to tell")


def test_silence_brings_the_car_to_rest(guard, at_rest, eventually):
    guard.beat()
    eventually(at_rest)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_a_killed_or_stopped_driver_s_car_comes_to_rest(driver, at_rest, eventually, ending):
    driver.send_signal(ending)
    eventually(at_rest)
    eventually(lambda: not is_alive(driver.guard))
    driver.kill()
    assert "guard: the process that drives the car" in driver.communicate()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_the_last_to_go(driver, at_rest, eventually, number):
    eventually(lambda: "SIGTERM" in ignored(driver.guard))
    os.kill(driver.guard, number)
    driver.kill()
    eventually(at_rest)


def ignored(pid):
    """The names of the signals that a process ignores."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.partition("SigIgn:")[2].split()[0], 16)
    return {one.name for one in signal.Signals if mask >> (one - 1) & 1}


def test_it_does_not_hear_what_the_driver_s_terminal_sends(driver):
    assert os.getsid(driver.guard) == driver.guard


def test_a_killed_guard_is_told_by_the_next_beats(guard, eventually):
    os.kill(guard.pid, signal.SIGKILL)

    def is_told():
        with suppress(OSError):
            guard.beat()
            return False
        return True

    eventually(is_told)


def test_a_stuck_guard_is_noticed_as_soon_as_it_would_notice_its_driver(
    guard, eventually, monkeypatch
):
    now = time.monotonic()
    eventually(lambda: not guard._unread())
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    os.kill(guard.pid, signal.SIGSTOP)
    guard.beat()
    now += PATIENCE - 0.01
    guard.beat()
    now += 0.02
    with pytest.raises(ChildProcessError, match="stuck"):
        guard.beat()


def test_a_guard_that_takes_long_to_start_is_waited_for(files, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(module, "_CODE", "import time; time.sleep(1000)")
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    guard = Guard([(path, int(REST)) for path in files])
    for _ in range(10):
        guard.beat()
        now += 0.5
    now += PATIENCE + 0.01
    with pytest.raises(ChildProcessError, match="stuck"):
        guard.beat()
    guard.kill()


def test_one_that_is_killed_by_its_driver_does_nothing(guard, at_rest):
    guard.beat()
    guard.kill()
    assert not is_alive(guard.pid)
    assert not at_rest()


def test_what_is_refused_is_tried_again(fake_car, driver, files, at_rest, eventually):
    away = files[0].with_name("away")
    files[0].rename(away)
    driver.kill()
    eventually(lambda: fake_car.read(files[1]) == REST)
    away.rename(files[0])
    eventually(at_rest)


def test_it_is_small(driver, eventually):
    eventually(lambda: "SIGTERM" in ignored(driver.guard))
    status = Path(f"/proc/{driver.guard}/status").read_text()
    assert int(status.partition("VmRSS:")[2].split()[0]) < 20_000  # kB
