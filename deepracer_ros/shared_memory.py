"""Shared memory, through which the nodes of one machine talk: what hinders that."""

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from deepracer_sim.errors import UserError

_FOLDER = Path("/dev/shm")
_LEFTOVERS = "/dev/shm/fast*"
_SEGMENT = 18_000_000  # bytes that a node takes with config/fastdds.xml
_LEAST = 8192  # bytes without which a library that ROS loads is killed by SIGBUS


def check_shared_memory() -> None:
    """Raise UserError where it is so full that ROS crashes. To be called before ROS is loaded."""
    error = _refusal(_LEAST)
    if error and error.errno == errno.ENOSPC:
        raise UserError(
            f"The shared memory {_FOLDER} is full, and ROS cannot start without a little of it. "
            f"What killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )


def shared_memory_fault(domain: int) -> str:
    """What is worth a warning, in one line; empty where all is well.

    Fast DDS goes over the network where it is given no memory, and says so in riddles. It says
    nothing where nodes of another user are seen but cannot be written to (its issue 5265).
    """
    if error := _refusal(_SEGMENT):
        return (
            f"Shared memory cannot be used ({_FOLDER}: {error.strerror}): messages go over the "
            "network instead, which is slower; errors of RTPS_TRANSPORT_SHM say the same. What "
            f"killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )
    strangers = sorted(_owners(domain) - {os.getuid()})
    if strangers:
        return (
            f"User {strangers[0]} runs or ran ROS nodes with ROS_DOMAIN_ID {domain}, too: no "
            "messages come through between users. Run all nodes as one user, or choose another "
            f"ROS_DOMAIN_ID. What killed nodes left can be removed when none runs: {_LEFTOVERS}"
        )
    return ""


def _owners(domain: int) -> set[int]:
    """The users whose nodes have ports in shared memory."""
    owners = set()
    for port in range(7400 + 250 * domain, 7650 + 250 * domain):  # DDS's rule
        with suppress(OSError):
            owners.add((_FOLDER / f"fastrtps_port{port}").stat().st_uid)
    return owners


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
