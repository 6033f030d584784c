"""The kernel's files: one value each, on one line.

The guard has to start at once and stay small, so nothing but os is imported.
"""

import os
from collections.abc import Sequence

Path = str | os.PathLike[str]


def read(path: Path) -> str:
    """Return a file's first line. Raises OSError as the kernel refuses."""
    with open(path, encoding="ascii", errors="replace") as file:
        return file.readline().strip()


def write(path: Path, value: int | str) -> None:
    """Write a value in one piece. Raises OSError, with the path, as the kernel refuses.

    A file that is not there is not made.
    """
    try:
        file = os.open(path, os.O_WRONLY)
        try:
            os.write(file, f"{value}\n".encode())
        finally:
            os.close(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def reason(error: OSError) -> str:
    """What went wrong, in a person's words."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def write_all(values: Sequence[tuple[Path, int | str]]) -> list[OSError]:
    """Write each value to its file, though others fail; return how they did."""
    faults = []
    for path, value in values:
        try:
            write(path, value)
        except OSError as error:
            faults.append(error)
    return faults
