"""What GazeboWorld promises beyond the contract: lockstep, clear faults, nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo import processes, sdf, server
from deepracer_sim.gazebo import world as gazebo_world
from deepracer_sim.gazebo.flavor import CLASSIC
from deepracer_sim.gazebo.installation import X_FLUSH, library_folder
from deepracer_sim.gazebo.sdf import STEPS
from deepracer_sim.gazebo.world import GazeboWorld
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

pytestmark = pytest.mark.usefixtures("gazebo")

ROOT = Path(__file__).parents[2]
TRACK = load_track("oval")
FIRST = np.array([0])
AHEAD = np.array([[0.1, 1.0]])


@pytest.fixture(scope="module")
def opened(gazebo):
    world = GazeboWorld(TRACK)
    yield world
    world.close()


@pytest.fixture
def world(opened):
    opened.reset(FIRST, TRACK.pose(0.0)[None])
    return opened


@pytest.fixture
def own_world(gazebo):
    """A world that the test may break."""
    world = GazeboWorld(TRACK)
    yield world
    world.close()


def process_ids(world):
    return [pid for server in world._servers for pid in server.process_ids]


def runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # dead, but whoever is responsible has not asked yet


def wait_until(condition, limit=120.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def folder_of(world):
    """Where its files are while it is open."""
    return world._end.peek()[2][1]


def drive(world, commands):
    world.reset(FIRST, TRACK.pose(0.0)[None])
    for command in commands:
        states = world.step(command[None])
    return np.array(states)


def test_a_thousand_steps_give_a_thousand_frames_a_control_period_apart(world):
    stamps, frames = [world.stamps[0]], set()
    commands = np.random.default_rng(0).uniform([0.4, 0.8], [0.5, 1.2], (1000, 2))  # in circles
    for command in commands:
        world.step(command[None])
        stamps.append(world.stamps[0])
        frames.add(world.frames_rgb().tobytes())
    assert set(np.diff(stamps)) == {STEPS}
    assert len(frames) == 1000  # each shows where the car is then


def test_the_same_commands_lead_to_the_same_pose_also_in_another_server(world, own_world):
    commands = np.random.default_rng(1).uniform([-0.5, 0.5], [0.5, 2.0], (60, 2))
    drives = [drive(at, commands) for at in (world, world, own_world)]
    np.testing.assert_allclose(drives[1], drives[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(drives[2], drives[0], rtol=0, atol=1e-6)


def test_a_wall_stops_the_car(world):
    east = sdf.draw_ground(TRACK).bounds[2]
    world.reset(FIRST, np.array([[east - 0.5, 0.0, 0.0]]))
    for _ in range(30):
        states = world.step(np.array([[0.0, 1.0]]))
    assert east - 0.3 < states.x[0] < east


def test_a_car_at_rest_stays_where_it_is(world):
    x, y, yaw = TRACK.pose(0.0)
    for _ in range(75):
        states = world.step(np.zeros((1, 2)))
    assert np.hypot(states.x - x, states.y - y) < 1e-4
    assert np.abs(states.yaw - yaw) < 1e-5


@pytest.fixture
def pair(gazebo):
    """Two cars in a world that the test may break."""
    world = GazeboWorld(TRACK, 2)
    yield world
    world.close()


def test_cars_are_put_where_the_embedded_world_puts_them_or_refused(pair):
    both, embedded = np.array([0, 1]), EmbeddedWorld(TRACK, 2)
    for cars, count in ((both, 3), (FIRST, 2), (np.array([0, 7]), 2)):
        for world in (pair, embedded):
            with pytest.raises((ValueError, IndexError)):
                world.reset(cars, np.array([TRACK.pose(2.0)] * count))
    for world in (pair, embedded):
        world.reset(both, TRACK.pose(1.0)[None])
        world.step(np.zeros((2, 2)))
    np.testing.assert_allclose(np.array(pair.states), np.array(embedded.states), atol=1e-4)


def test_a_world_with_an_exchange_broken_off_refuses_to_go_on(pair, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    with monkeypatch.context() as for_now:
        for_now.setattr(pair._servers[1], "answer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pair.step(np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="broken off"):
        pair.step(np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="broken off"):
        pair.reset(FIRST, TRACK.pose(0.0)[None])


def test_programs_without_x_bear_the_preloaded_library(gazebo):
    library = gazebo.inside(library_folder(gazebo) / X_FLUSH)
    command = gazebo.command("env", "LD_BIND_NOW=1", f"LD_PRELOAD={library}", "true")
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def white_runs(row):
    """The middles of the stretches of border line in one image row that the edges do not cut."""
    white = np.concatenate([[False], row.min(axis=-1) > 140, [False]])
    first, last = np.flatnonzero(np.diff(white)).reshape(-1, 2).T
    whole = (first > 0) & (last < len(row))
    return ((first + last) / 2)[whole]


def test_both_cameras_see_the_border_lines_in_the_same_places(world):
    embedded = EmbeddedWorld(TRACK)
    apart = []
    for s, lateral in ((-0.4, 0.0), (2.0, 0.2), (5.0, -0.2), (8.0, 0.1)):
        for each in (world, embedded):
            each.reset(FIRST, TRACK.pose(s, lateral)[None])
        ours, theirs = world.frames_rgb()[0], embedded.frames_rgb()[0]
        assert np.abs(ours.astype(int) - theirs).mean() < 3.5
        for our_row, their_row in zip(ours[40:], theirs[40:], strict=True):
            here, there = white_runs(our_row), white_runs(their_row)
            if len(here) == len(there):
                apart.extend(np.abs(here - there))
    assert len(apart) > 100
    assert np.mean(np.array(apart) < 1.5) > 0.95


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_the_car_drives_as_the_embedded_one_does(world, speed):
    embedded = EmbeddedWorld(TRACK)
    embedded.reset(FIRST, TRACK.pose(0.0)[None])
    for k in range(15):
        command = np.array([[0.2 * np.sin(k / 4), speed]])
        ours, theirs = world.step(command), embedded.step(command)
    assert np.hypot(ours.x - theirs.x, ours.y - theirs.y) < 0.03
    assert np.abs(ours.yaw - theirs.yaw) < np.radians(3.0)
    assert np.abs(ours.speed - theirs.speed) < 0.05
    assert np.abs(ours.steering_angle - theirs.steering_angle) < 0.01


def test_two_worlds_at_once_do_not_meet(world, own_world):
    ports = {each._servers[0].port for each in (world, own_world)}
    assert len(ports) == 2
    own_world.reset(FIRST, TRACK.pose(3.0)[None])
    before = own_world.states
    for _ in range(10):
        world.step(AHEAD)
    np.testing.assert_array_equal(own_world.states, before)
    assert np.abs(own_world.step(AHEAD).x - world.states.x) > 0.1


def test_the_death_of_the_server_is_reported_with_its_log(own_world):
    own_world.step(AHEAD)
    os.kill(process_ids(own_world)[-1], signal.SIGKILL)
    match = r"Gazebo has ended \(signal 9: Killed\): it gave no reason"
    with pytest.raises(UserError, match=match) as caught:
        own_world.step(AHEAD)
    log = Path(re.search(r"\S+\.log", str(caught.value)).group())
    assert "Gazebo multi-robot simulator" in log.read_text()
    log.unlink()


def failed_start(match):
    with pytest.raises(UserError, match=match) as caught:
        GazeboWorld(TRACK)
    for log in re.findall(r"\S+\.log", str(caught.value)):
        Path(log).unlink()


def test_a_missing_plugin_is_reported(monkeypatch):
    absent = CLASSIC._replace(sensor='<plugin name="lockstep" filename="libabsent.so"/>')
    write = partial(sdf.write_world, flavor=absent)
    folders = []

    def remember(*arguments, **values):
        file = write(*arguments, **values)
        folders.append(file.parent)
        return file

    monkeypatch.setattr(gazebo_world, "write_world", remember)
    failed_start("libabsent.so")
    assert folders
    assert not any(folder.exists() for folder in folders)


def test_a_missing_display_is_reported(monkeypatch):
    start = processes.start_display
    elsewhere = ":987"
    monkeypatch.setattr(server, "start_display", lambda *args: (start(*args)[0], elsewhere))
    failed_start("display: :987")


def test_a_display_that_does_not_start_is_reported(monkeypatch):
    monkeypatch.setattr(processes, "_SCREEN", ["-screen", "0", "nonsense"])
    failed_start("Xvfb did not start: .*nonsense")


def shows_a_field(screen):
    """Whether an X server's screen, four bytes a pixel, is green somewhere."""
    content = screen.read_bytes()
    blue, green, red, _ = np.frombuffer(content, np.uint8)[len(content) % 4 :].reshape(-1, 4).T
    return np.sum((green > red + 20.0) & (green > blue + 10.0)) > 1000


def test_a_window_shows_the_world(gazebo, monkeypatch, caplog):
    with (
        tempfile.TemporaryDirectory(dir=gazebo.temporary) as folder,
        tempfile.TemporaryFile() as log,
    ):
        screen = Path(folder, "Xvfb_screen0")  # its pixels, after a header
        arguments = [*processes._SCREEN, "-fbdir", gazebo.inside(screen.parent)]
        with monkeypatch.context() as for_now:
            for_now.setattr(processes, "_SCREEN", arguments)
            display, name = processes.start_display(gazebo, log)
        try:
            monkeypatch.setenv("DISPLAY", name)
            world = GazeboWorld(TRACK, gui=True)
            pids = process_ids(world)
            wait_until(lambda: world.step(AHEAD) and shows_a_field(screen))
            window, _, program = (Path(f"/proc/{pid}/maps").read_text() for pid in pids)
            assert X_FLUSH in window and X_FLUSH in program
            os.kill(pids[0], signal.SIGKILL)
            wait_until(lambda: world.step(AHEAD) and caplog.messages)
            assert "window has ended (signal 9: Killed)" in caplog.messages[0]
            world.step(AHEAD)
            assert len(caplog.messages) == 1
            world.close()
            assert not any(map(runs, pids))
        finally:
            display.kill()
            display.wait()


@pytest.mark.parametrize(
    ("display", "told"), [("", "DISPLAY is not set"), (":987", "cannot open the display :987")]
)
def test_a_window_without_a_display_is_refused_at_once(gazebo, monkeypatch, display, told):
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setattr(gazebo_world, "Server", None)  # nothing is started
    with pytest.raises(UserError, match=told):
        GazeboWorld(TRACK, gui=True)


def test_a_window_that_cannot_open_the_display_is_reported(gazebo, monkeypatch):
    monkeypatch.setenv("DISPLAY", "localhost:987")  # not looked for beforehand
    world = GazeboWorld(TRACK, gui=True)
    try:
        with pytest.raises(UserError, match=r"cannot open the display localhost:987"):
            wait_until(lambda: world.step(AHEAD) is None)
    finally:
        world.close()


def test_a_port_in_use_is_reported(gazebo, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is in use"):
            processes.free_port(port)
        monkeypatch.setattr(server, "free_port", lambda wanted: port)  # taken a moment later
        failed_start("Address already in use")


def test_nothing_outlives_a_killed_client(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the log has nobody to remove it
    code = (
        "import time\n"
        "from deepracer_sim.gazebo.world import GazeboWorld\n"
        "from deepracer_sim.track_files import load_track\n"
        "world = GazeboWorld(load_track('oval'))\n"
        "server = world._servers[0]\n"
        "print(world._end.peek()[2][1], server.port, *server.process_ids, flush=True)\n"
        "time.sleep(1000)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as client:
        folder, *numbers = client.stdout.readline().split()
        port, *pids = map(int, numbers)
        assert all(map(runs, pids)) and Path(folder).exists()
        client.kill()
    wait_until(lambda: not any(map(runs, pids)) and is_free(port))
    GazeboWorld(TRACK).close()  # the next one sweeps
    assert not Path(folder).exists()


def test_twenty_starts_and_stops_leave_nothing():
    for _ in range(20):
        world = GazeboWorld(TRACK)
        pids, port, folder = process_ids(world), world._servers[0].port, folder_of(world)
        assert folder.exists()
        world.step(AHEAD)
        world.close()
        world.close()  # does no harm
        assert not any(map(runs, pids))
        assert is_free(port)
        assert not folder.exists()
