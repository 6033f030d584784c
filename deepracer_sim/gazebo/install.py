"""Gazebo 11 for a Debian machine whose own release no longer has it.

The packages of Debian 11 are unpacked into one folder of the user's cache. Nothing is installed in
the system, no package's script runs, and no root is needed.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import (
    Installation,
    cache_directory,
    find,
    library_folder,
    locked,
    unpacked,
)

_RELEASE = "bullseye"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_RUNTIME = ("gazebo", "xvfb", "libgl1-mesa-dri", "dash")
_COMPILER = ("g++", "libgazebo-dev")  # for our libraries
_UNUSED = ("usr/share/doc", "usr/share/locale", "usr/share/man")

Report = Callable[[str], None]


def install(report: Report) -> Installation:
    """Make Gazebo 11 and our libraries for it available; return where. What is there already stays.

    Broken off, it goes on from there the next time. Raises UserError where it is not possible.
    """
    with locked(cache_directory() / "lock"):
        installation = _present() or _install(report)
    report("Checking our libraries for it, compiled once in half a minute ...")
    library_folder(installation)
    return installation


def _present() -> Installation | None:
    try:
        return find()
    except UserError:
        return None


def _install(report: Report) -> Installation:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UserError(
                f"{program} was not found: this works on Debian. Elsewhere install Gazebo 11 so "
                "that gzserver is on the PATH."
            )
    if not _KEYRING.is_file():
        raise UserError(
            f"{_KEYRING} was not found. Install it: sudo apt install debian-archive-keyring"
        )
    state = cache_directory() / "apt"
    report("Downloading Gazebo 11: 480 MB, 2 GB unpacked ...")
    try:
        packages = _download(state)
        report(f"Unpacking {len(packages)} packages ...")
        _unpack(packages, unpacked().root)
        shutil.rmtree(state)
    except OSError as error:
        raise UserError(f"Cannot write {error.filename}: {error.strerror}.") from error
    return unpacked()


def _download(state: Path) -> list[Path]:
    """Return the packages' files, downloaded with an apt that knows nothing of this system."""
    archives = state / "cache" / "archives"
    for folder in (archives / "partial", state / "lists" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    complaint = "apt's sources name no package archive"
    for site in _sites():
        line = f"deb [signed-by={_KEYRING}] {site} {_RELEASE} main\n"
        (state / "sources.list").write_text(line)
        complaint = _apt(state, "update") or _apt(
            state, "install", "--yes", "--download-only", *_RUNTIME, *_COMPILER
        )
        if not complaint:
            return sorted(archives.glob("*.deb"))
    raise UserError(f"The packages of Debian 11 could not be downloaded: {complaint}")


def _sites() -> list[str]:
    """Return the package archives of this machine's apt, the likeliest first."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True)
    sites = {site: None for site in done.stdout.split() if "security" not in site}
    return sorted(sites, key=lambda site: not site.rstrip("/").endswith("/debian"))


def _apt(state: Path, *words: str) -> str:
    """Run apt-get on the state in a folder; return what it complains of, empty if it succeeds."""
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    command = ["apt-get", "-qq"]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
    return " ".join(lines) or f"apt-get ended with {done.returncode}"


def _unpack(packages: list[Path], root: Path) -> None:
    """Fill the folder that becomes `root`, which appears when it is complete."""
    part = root.with_name("root.part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    for package in packages:
        done = subprocess.run(["dpkg-deb", "-x", package, part], capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"{package} could not be unpacked: {done.stderr.strip()}")
    for folder in _UNUSED:
        shutil.rmtree(part / folder, ignore_errors=True)
    # What the packages' scripts would make.
    (part / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    for library in [*part.glob("usr/lib/*/blas/*.so.3"), *part.glob("usr/lib/*/lapack/*.so.3")]:
        (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))
    (part / "tmp").mkdir(exist_ok=True)
    os.rename(part, root)
