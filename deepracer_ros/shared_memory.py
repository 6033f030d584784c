"""Shared memory, through which the nodes of one machine talk: what hinders that."""

import errno
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from deepracer_sim.errors import UserError

_FOLDER = Path("/dev/shm")
_LEFTOVERS = "/dev/shm/fast*"
_SEGMENT = 18_000_000  # bytes that a node takes with config/fastdds.xml
_MAKING = 0.2  # s, a hundred times what it takes to make a port
_LEAST = 8192  # bytes without which a library that ROS loads is killed by SIGBUS


def check_shared_memory() -> None:
    """Raise UserError where it is so full that ROS crashes. To be called before ROS is loaded."""
    error = _refusal(_LEAST)
    if error and error.errno == errno.ENOSPC:
        raise UserError(
            f"The shared memory {_FOLDER} is full, and ROS cannot start without a little of it. "
            f"What killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )


def check_ports(domain: int) -> None:
    """Raise UserError where a node would hang: at a port that a killed one began to make."""
    empty = _empty_ports(domain)
    if empty:
        time.sleep(_MAKING)
        empty &= _empty_ports(domain)
    if empty:
        raise UserError(
            f"The shared memory {min(empty)} is empty, and ROS would wait for it for ever. A node "
            "was killed while it made it: remove the file."
        )


def shared_memory_fault(domain: int) -> str:
    """What is worth a warning, in one line; empty where all is well.

    Fast DDS goes over the network where it is given no memory, and says so in riddles. It says
    nothing where others may not read what root's nodes write (Fast DDS issue 5265).
    """
    if error := _refusal(_SEGMENT):
        return (
            f"Shared memory cannot be used ({_FOLDER}: {error.strerror}): messages go over the "
            "network instead, which is slower; errors of RTPS_TRANSPORT_SHM say the same. What "
            f"killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )
    is_root = os.getuid() == 0
    if any((port.st_uid == 0) != is_root for port in _ports(domain).values()):
        return (
            f"Root and another user run, or ran, ROS nodes with ROS_DOMAIN_ID {domain}: what "
            "root's nodes send does not reach the others. Run all as one user, or choose another "
            f"ROS_DOMAIN_ID. What killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )
    return ""


def _ports(domain: int) -> dict[Path, os.stat_result]:
    """The ports in shared memory that nodes of a domain have, or had when they were killed."""
    found = {}
    for number in range(7400 + 250 * domain, 7650 + 250 * domain):  # DDS's rule
        for path in (_FOLDER / f"fastdds_port{number}", _FOLDER / f"fastrtps_port{number}"):
            with suppress(OSError):
                found[path] = path.stat()
    return found


def _empty_ports(domain: int) -> set[Path]:
    return {path for path, port in _ports(domain).items() if port.st_size == 0}


def _refusal(size: int) -> OSError | None:
    """What the system says when asked for so many bytes, if it does not give them."""
    if not _FOLDER.is_dir():
        return None  # not Linux: it is kept elsewhere
    try:
        with tempfile.TemporaryFile(dir=_FOLDER) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        return error
    return None
