"""Programs of Gazebo started so that none outlives us: a display that nobody sees, the server."""

import os
import re
import selectors
import shutil
import socket
import subprocess
from pathlib import Path
from typing import IO

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import X_FLUSH, Installation, library_folder

Process = subprocess.Popen[bytes]
Log = IO[bytes]

_DISPLAY_LIMIT = 20.0  # s, for a slow machine
_SCREEN = ["-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
_ERROR = re.compile(r"\[Err\]|\(EE\) \w|rror: \w")  # of Gazebo, of Xvfb, of the linker
_SET_UP = (  # of our libraries' folder and the world's
    ". /usr/share/gazebo/setup.sh; "
    'export GAZEBO_PLUGIN_PATH="$1:$GAZEBO_PLUGIN_PATH" GAZEBO_MODEL_PATH="$2:$GAZEBO_MODEL_PATH" '
    f'GAZEBO_MODEL_DATABASE_URI= LD_PRELOAD="$1/{X_FLUSH}"; '
)


def start_display(installation: Installation, log: Log) -> tuple[Process, str]:
    """Start an X server without a screen; return it and its display, like ":1".

    Raises UserError where there is none.
    """
    reader, writer = os.pipe()
    with open(reader, "rb") as answer:
        with open(writer, "wb"):
            command = installation.command("Xvfb", "-displayfd", str(writer), *_SCREEN)
            process = _start(command, log, writer, {})
        number = _first_line(answer)
    if not number:
        process.kill()
        process.wait()
        raise UserError(
            f"Gazebo's camera needs a display, and Xvfb did not start: {complaint(log)} "
            "On Debian and Ubuntu: sudo apt install xvfb"
        )
    return process, f":{number}"


def _first_line(pipe: IO[bytes]) -> str:
    """Return the first line that comes through a pipe, empty if none comes."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return pipe.readline().decode().strip() if selector.select(_DISPLAY_LIMIT) else ""


def start_server(
    installation: Installation, world: Path, display: str, port: int, link: socket.socket, log: Log
) -> Process:
    """Start to serve a world file below `installation.temporary`; the plugin talks through link."""
    environment = {
        "ALSOFT_DRIVERS": "null",  # no sound
        "DEEPRACER_SOCKET": str(link.fileno()),
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",  # what Xvfb's clients have, without a search for more
    }
    program = f"gzserver --verbose {installation.inside(world)}"
    return _start_gazebo(program, installation, world, port, log, link.fileno(), environment)


def start_window(installation: Installation, world: Path, port: int) -> Process:
    """Show what the server at a port serves, on the user's display. It says what it has to say.

    Raises UserError where there is no display.
    """
    if not os.environ.get("DISPLAY"):
        raise UserError(
            "Gazebo's window needs a display, and DISPLAY is not set. Leave gui out, or watch in "
            "RViz, which may run on another machine."
        )
    # The key to the display, where one is asked for: the installation may not see the user's files.
    key = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    if key.is_file():
        shutil.copy(key, world.parent / ".Xauthority")
    environment = {"XAUTHORITY": installation.inside(world.parent / ".Xauthority")}
    return _start_gazebo("gzclient", installation, world, port, None, None, environment)


def _start_gazebo(
    program: str,
    installation: Installation,
    world: Path,
    port: int,
    log: Log | None,
    descriptor: int | None,
    environment: dict[str, str],
) -> Process:
    """Start one of Gazebo's programs, its home where the world file is."""
    home = installation.inside(world.parent)
    libraries = installation.inside(library_folder(installation))
    command = installation.command("sh", "-c", f"{_SET_UP}exec {program}", "sh", libraries, home)
    own = {
        "GAZEBO_IP": "127.0.0.1",
        "GAZEBO_MASTER_URI": f"http://127.0.0.1:{port}",
        "HOME": home,
        "IGN_IP": "127.0.0.1",
        "TMPDIR": home,
    }
    return _start(command, log, descriptor, {**own, **environment})


def _start(
    command: list[str], log: Log | None, descriptor: int | None, environment: dict[str, str]
) -> Process:
    """Start a program that writes to the log if any, and may inherit a descriptor."""
    inherited = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/bin:/bin"
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=None if log is None else subprocess.STDOUT,
        env={**inherited, **environment, "PATH": path},
        pass_fds=[] if descriptor is None else [descriptor],
        start_new_session=True,  # Ctrl-C is for us, and we end them
    )


def complaint(log: Log) -> str:
    """Return the first line of a log that tells of an error (more follow from it), or the last."""
    text = Path(log.name).read_text(errors="replace")
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).strip().splitlines() or ["it said nothing."]
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or lines[-1:])[0].strip()


def free_port(port: int) -> int:
    """Return a TCP port of this machine that nobody uses: `port`, or any for 0.

    Raises UserError where `port` is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"Port {port} is in use, by another Gazebo perhaps: end that, or choose another."
            ) from error
        return int(probe.getsockname()[1])
