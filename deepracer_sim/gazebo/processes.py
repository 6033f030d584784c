"""Programs of Gazebo started so that none outlives us: a display that nobody sees, the server."""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import X_FLUSH, Installation, library_folder

Process = subprocess.Popen[bytes]
Log = IO[bytes]

_DISPLAY_LIMIT = 20.0  # s, for a slow machine
_END_LIMIT = 5.0  # s, from the end of the conversation to that of the process
_SCREEN = ["-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
_ERROR = re.compile(r"\[Err\]|\(EE\) \w|rror: \w")  # of Gazebo, of Xvfb, of the linker
_NO_ERROR = re.compile(
    r"\[(Msg|Wrn|Dbg)\]|Gazebo multi-robot simulator|Copyright|Released under|http://gazebosim"
    r"|_XSERVTrans|.*xkbcomp|> Warning"  # Xvfb, where all is well
    r"|\[Err\] \[InsertModelWidget"  # the window, of every folder beside the world's models
)
_SET_UP = (  # of our libraries' folder and the world's
    "program=$(command -v gzserver); "
    'for set_up in "${program%/bin/gzserver}/share/gazebo/setup.sh" /usr/share/gazebo/setup.sh; '
    'do if [ -f "$set_up" ]; then . "$set_up"; break; fi; done; '
    'export GAZEBO_PLUGIN_PATH="$1:$GAZEBO_PLUGIN_PATH" GAZEBO_MODEL_PATH="$2:$GAZEBO_MODEL_PATH" '
    f'GAZEBO_MODEL_DATABASE_URI= LD_PRELOAD="$1/{X_FLUSH}${{LD_PRELOAD:+:$LD_PRELOAD}}"; '
)
_OTHERWISE = "Leave gui out, or watch in RViz, which may run on another machine."


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


def check_display() -> None:
    """Raise UserError where no display is named, or one of this machine that nobody serves."""
    display = os.environ.get("DISPLAY")
    if not display:
        raise UserError(f"Gazebo's window needs a display, and DISPLAY is not set. {_OTHERWISE}")
    if local := re.fullmatch(r"(?:unix)?:(\d{1,4})(?:\.\d+)?", display):
        path, port = f"/tmp/.X11-unix/X{local[1]}", 6000 + int(local[1])
        if not (
            _is_served(socket.AF_UNIX, f"\0{path}")
            or _is_served(socket.AF_UNIX, path)
            or _is_served(socket.AF_INET, ("127.0.0.1", port))
        ):
            raise _unusable_display()


def _is_served(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def _unusable_display() -> UserError:
    return UserError(
        f"Gazebo's window cannot open the display {os.environ.get('DISPLAY')}: name one in "
        f"DISPLAY that this user may use. {_OTHERWISE}"
    )


def start_window(installation: Installation, world: Path, port: int, log: Log) -> Process:
    """Show what the server at a port serves, on the user's display."""
    # The key to the display, where one is asked for: the installation may not see the user's files.
    key = os.environ.get("XAUTHORITY") or os.path.expanduser("~/.Xauthority")
    with suppress(OSError):  # there may be none
        shutil.copy(key, world.parent / ".Xauthority")
    environment = {"XAUTHORITY": installation.inside(world.parent / ".Xauthority")}
    program = "gzclient --verbose"
    return _start_gazebo(program, installation, world, port, log, None, environment)


def check_window(window: Process, log: Log) -> str:
    """Return what is to be told of a window that has ended, empty where the user closed it.

    Raises UserError where it could not open the display.
    """
    if not window.wait():
        return ""
    reason = complaint(log)
    if "open display" in reason:
        raise _unusable_display()
    return f"Gazebo's window has ended{ended(window)}: {reason} All goes on without it."


def _start_gazebo(
    program: str,
    installation: Installation,
    world: Path,
    port: int,
    log: Log,
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
    command: list[str], log: Log, descriptor: int | None, environment: dict[str, str]
) -> Process:
    """Start a program that writes to the log, and may inherit a descriptor."""
    inherited = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/bin:/bin"
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**inherited, **environment, "PATH": path},
        pass_fds=[] if descriptor is None else [descriptor],
        start_new_session=True,  # Ctrl-C is for us, and we end them
    )


def complaint(log: Log) -> str:
    """Return the first line of a log that tells of an error (more follow from it), or the last.

    Lines that tell of no error do not count.
    """
    text = re.sub(r"\x1b\[[\d;]*m", "", Path(log.name).read_text(errors="replace"))
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not _NO_ERROR.match(line)]
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or lines[-1:] or ["it gave no reason."])[0]


def ended(process: Process) -> str:
    """Say how a process ended that has ended or is about to: " (signal 9: Killed)"."""
    try:
        status = process.wait(_END_LIMIT)
    except subprocess.TimeoutExpired:
        return ""
    if status < 0:
        return f" (signal {-status}: {signal.strsignal(-status)})"
    return f" (exit status {status})"


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
