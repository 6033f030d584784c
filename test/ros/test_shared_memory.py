"""What hinders shared memory is said in one line, and only what hinders it."""

import errno
import os
import time

import pytest

from deepracer_ros import shared_memory
from deepracer_ros.shared_memory import check_ports, check_shared_memory, shared_memory_fault
from deepracer_sim.errors import UserError

DOMAIN = 5
PORT = "fastdds_port8660"  # of domain 5, which begins at 7400 + 5 * 250


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """In place of /dev/shm, with room enough."""
    monkeypatch.setattr(shared_memory, "_FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def room(monkeypatch):
    """A function that says how many bytes are left."""

    def leave(left, number=errno.ENOSPC):
        def allocate(_, __, size):
            if size > left:
                raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "posix_fallocate", allocate)

    return leave


def test_nothing_is_said_where_all_is_well(folder):
    (folder / PORT).write_text("a port")
    check_shared_memory()
    check_ports(DOMAIN)
    assert shared_memory_fault(DOMAIN) == ""
    assert [path.name for path in folder.iterdir()] == [PORT]


def test_full_memory_is_refused_before_it_crashes_ros(folder, room):
    room(4096)
    with pytest.raises(UserError, match="is full"):
        check_shared_memory()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_memory_that_is_too_small_or_closed_is_told(folder, room, number):
    room(10_000 if number == errno.ENOSPC else 0, number)
    check_shared_memory()
    fault = shared_memory_fault(DOMAIN)
    assert os.strerror(number) in fault
    assert "network" in fault
    assert "\n" not in fault


@pytest.mark.parametrize("name", [PORT, PORT.replace("fastdds", "fastrtps")])
def test_a_port_that_is_never_finished_is_refused_in_its_domain_only(folder, name):
    (folder / name).touch()
    with pytest.raises(UserError, match=f"{name} is empty"):
        check_ports(DOMAIN)
    check_ports(DOMAIN - 1)
    check_ports(DOMAIN + 1)


def test_a_port_that_is_being_made_is_waited_for(folder, monkeypatch):
    (folder / PORT).touch()
    monkeypatch.setattr(time, "sleep", lambda _: (folder / PORT).write_text("a port"))
    check_ports(DOMAIN)


def test_root_beside_another_user_is_told_in_their_domain_only(folder, monkeypatch):
    (folder / PORT).touch()
    other = 1000 if os.getuid() == 0 else 0
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert "Root and another user" in shared_memory_fault(DOMAIN)
    assert shared_memory_fault(DOMAIN - 1) == shared_memory_fault(DOMAIN + 1) == ""


def test_a_system_that_keeps_it_elsewhere_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, "_FOLDER", tmp_path / "none")
    check_shared_memory()
    assert shared_memory_fault(DOMAIN) == ""
