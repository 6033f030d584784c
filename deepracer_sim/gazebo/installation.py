"""Where Gazebo 11 is on this machine, how its programs are called, and our libraries for it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepracer_sim.errors import UserError

PLUGIN = "libdeepracer_lockstep.so"
X_FLUSH = "libdeepracer_x_flush.so"  # preloaded

_SOURCES = {
    PLUGIN: Path(__file__).with_name("lockstep_plugin.cc"),
    X_FLUSH: Path(__file__).with_name("x_flush.cc"),
}
_PACKAGES = "gazebo OGRE OGRE-Paging OGRE-Terrain"
# libX11 for what uses it: preloaded, it meets programs without X, and LD_BIND_NOW may be set.
_COMPILE = (
    "exec g++ -O2 -w -fPIC -shared -std=c++17 "
    '$(pkg-config --cflags gazebo OGRE OGRE-Paging OGRE-Terrain) "$1" -o "$2" '
    "-Wl,--as-needed -l:libX11.so.6"
)


@dataclass(frozen=True)
class Installation:
    """Gazebo below `root`: "/" for an installed one, else the folder that `install` has filled."""

    root: Path

    def inside(self, path: Path) -> str:
        """Return how programs of the installation call a path below root."""
        return f"/{path.relative_to(self.root)}"

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a program, until the thread that starts it ends."""
        mortal = ["setpriv", "--pdeathsig", "KILL", "--"]
        if self.root == Path("/"):
            return [*mortal, *words]
        # Whoever is not root may change the root in a user namespace of their own.
        become = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
        bare = ["env", "-u", "LD_PRELOAD"]  # the user's libraries are not to be seen from there
        return [*mortal, *become, *bare, "chroot", str(self.root), *words]

    @property
    def temporary(self) -> Path:
        """A folder for temporary files that programs of the installation see."""
        return self.root / "tmp"


def cache_directory() -> Path:
    """Return the folder of this user for what `make gazebo` makes. Raises UserError without one."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # to be ignored then, says XDG
        cache = os.path.expanduser("~/.cache")
    if cache.startswith("~"):
        raise UserError(
            "No folder for Gazebo was found: this user has no home, and HOME is not set. Set it, "
            "or XDG_CACHE_HOME, to a folder that may be written to."
        )
    return Path(os.path.realpath(cache), "deepracer_ros", "gazebo-11")


def unpacked() -> Installation:
    """Return the installation that `make gazebo` makes, whether or not it is there."""
    return Installation(cache_directory() / "root")


def find() -> Installation:
    """Return the Gazebo of this machine. Raises UserError where there is none."""
    if shutil.which("gzserver"):
        return Installation(Path("/"))
    own = unpacked()
    program = own.root / "usr/bin/gzserver"
    try:
        program.stat()
    except PermissionError as error:
        raise UserError(
            f"Gazebo 11 was not found: no gzserver on the PATH, and {program} cannot be read. "
            "Name a folder that can in HOME or XDG_CACHE_HOME."
        ) from error
    except OSError as error:
        raise UserError(
            "Gazebo 11 was not found: no gzserver on the PATH. Get it: make gazebo"
        ) from error
    return own


def library_folder(installation: Installation) -> Path:
    """Return the folder that holds our libraries, compiled if not there yet (half a minute).

    Raises UserError where they do not compile.
    """
    own = installation == unpacked()
    parent = (installation.root if own else cache_directory()) / "plugins"
    content = b"".join(source.read_bytes() for source in _SOURCES.values())
    folder = parent / hashlib.sha256(content + _COMPILE.encode()).hexdigest()[:16]
    with locked(parent / "lock"):
        for name, source in _SOURCES.items():
            with writing(folder):
                if not (folder / name).is_file():
                    _compile(installation, source, folder / name)
    return folder


def _compile(installation: Installation, source: Path, library: Path) -> None:
    library.parent.mkdir(exist_ok=True)
    copy, part = library.with_name(source.name), library.with_suffix(".part")
    copy.write_bytes(source.read_bytes())
    paths = installation.inside(copy), installation.inside(part)
    command = installation.command("sh", "-c", _COMPILE, "sh", *paths)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.splitlines() or ["no message"]
        first = next((line for line in lines if "error" in line), lines[-1])
        advice = "On Debian and Ubuntu: sudo apt install g++ libgazebo-dev"
        raise UserError(f"{source.name}, for Gazebo, did not compile: {first}\n{advice}")
    part.rename(library)


@contextmanager
def writing(what: Path | str) -> Iterator[None]:
    """Turn what the disk refuses inside into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"Cannot write {what}: {error.strerror or error}.") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time is inside. Raises UserError where the file cannot be written."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # it remains, since removing it would be a race
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
