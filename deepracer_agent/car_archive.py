"""The archives that DeepRacer's car takes, which people have from the years of the service.

What is read here was made by somebody else: nothing is unpacked to the disk, and nothing is
believed before it was checked.
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from deepracer_agent.config_file import MAX_BYTES as MAX_METADATA
from deepracer_agent.config_file import decode, json_object, shown
from deepracer_agent.model import GRAPH, METADATA
from deepracer_agent.tensorflow_graph import MAX_BYTES as MAX_GRAPH
from deepracer_sim.errors import UserError

MAX_ARCHIVE = 300_000_000  # bytes, unpacked; a car's archive has 2 to 30 million
MAX_MEMBERS = 1_000
MAX_HEADER = 16_384  # bytes of what stands before a file: its long name, what a Mac adds
BLOCK = 65_536
CHECKPOINTS = "deepracer_checkpoints.json"  # of a training's folder; names the best
_WANTED = re.compile(rf"model(_\d+)?\.pb|{METADATA}|{CHECKPOINTS}")
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_PAX, _LONG = tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME
_HEADERS = (_PAX, _LONG, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)

Files = dict[PurePosixPath, bytes]


class CarModel(NamedTuple):
    """What the car needs of a model: the content of two files."""

    graph: bytes
    metadata: bytes


def write_archive(model: CarModel, mtime: int) -> bytes:
    """The content of a .tar.gz as the car takes it; the same for the same model and time."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in ((f"agent/{GRAPH}", model.graph), (METADATA, model.metadata)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), mtime
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=mtime)


def read_car_model(path: Path) -> CarModel:
    """Read an archive, or a model.pb with its metadata beside it or one folder above.

    Raises UserError for what is neither, and for an archive that tries anything.
    """
    try:
        if path.suffix == ".pb":
            return _read_bare(path)
        with path.open("rb") as file:
            return _choose(_read_members(file))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read_bare(path: Path) -> CarModel:
    for folder in (path.parent, path.parent.parent):
        if (folder / METADATA).is_file():
            metadata = folder / METADATA
            return CarModel(_read(path, MAX_GRAPH), _read(metadata, MAX_METADATA))
    raise UserError(f"there is no {METADATA} beside it, which says what its actions mean.")


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"{path.name} has more than {most:,} bytes.")
    return content


def _read_members(file: io.BufferedReader) -> Files:
    """The files of an archive that can be a model's."""
    packed = file.peek(2)[:2] == b"\x1f\x8b"
    stream = _Limited(gzip.GzipFile(fileobj=file) if packed else file)
    try:
        files = _wanted(stream)
        while stream.read(BLOCK):  # at the end stands gzip's checksum
            pass
        return files
    except UserError:
        raise
    # a damaged archive makes gzip, zlib and tarfile raise almost anything
    except Exception as error:
        raise UserError(
            f"is no .tar.gz archive, or is damaged ({error}). Of another kind of archive, unpack "
            f"{GRAPH} and {METADATA}, and import {GRAPH}."
        ) from error


class _Limited(io.BufferedIOBase):
    """A file of which no more is read than an archive may hold."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self._left = MAX_ARCHIVE

    def read(self, size: int | None = -1, /) -> bytes:
        """Read. Raises UserError where it is too much."""
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise UserError(f"holds more than {MAX_ARCHIVE:,} bytes; a car's model is far smaller.")
        return data


def _wanted(stream: _Limited) -> Files:
    files: Files = {}
    for number, member in enumerate(_members(stream)):
        name = _checked_name(member)
        if number >= MAX_MEMBERS:
            raise UserError(f"holds more than {MAX_MEMBERS:,} files.")
        if name in files:
            raise UserError(f"holds {shown(str(name))} twice.")
        if member.type in _PLAIN and _WANTED.fullmatch(name.name):
            files[name] = _content(
                stream, member, MAX_GRAPH if name.suffix == ".pb" else MAX_METADATA
            )
        elif member.type in _PLAIN:
            _skip(stream, member)
    return files


def _members(stream: _Limited) -> Iterator[tarfile.TarInfo]:
    """The files and folders; who asks for the next one has read the content of a file.

    TarFile itself takes hours, or all memory, for some headers that a few hundred bytes unpack to.
    """
    name = b""
    for _ in range(4 * MAX_MEMBERS):  # headers; a file may have several
        block = _exactly(stream, tarfile.BLOCKSIZE)
        if not any(block):  # the end
            return
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if member.type in _HEADERS:
            if member.size > MAX_HEADER:
                raise UserError(
                    f"holds a header of {member.size:,} bytes; accepted are {MAX_HEADER:,}. "
                    "Do not trust it."
                )
            name = _long_name(member.type, _content(stream, member, MAX_HEADER)) or name
            continue
        if name:
            member.name, name = name.decode("utf-8", "surrogateescape"), b""
        yield member
    raise UserError(f"holds more than {MAX_MEMBERS:,} files.")


def _long_name(kind: bytes, header: bytes) -> bytes:
    """The name that a header gives to the file behind it, or nothing."""
    if kind == _PAX:
        return _pax_name(header)
    return header.partition(b"\0")[0] if kind == _LONG else b""


def _pax_name(header: bytes) -> bytes:
    """The name among records "18 path=a/model.pb\\n", of which the number says the length."""
    name, begin = b"", 0
    while begin < len(header) and header[begin]:
        digits = header[begin : begin + 6].partition(b" ")[0]
        end = begin + int(digits)
        key, _, value = header[begin + len(digits) + 1 : end - 1].partition(b"=")
        if not begin < end <= len(header) or not key:
            raise tarfile.ReadError("bad PAX header")
        if key.startswith(b"GNU.sparse."):
            raise UserError("holds a sparse file, which is no plain file. Do not trust it.")
        name, begin = value if key == b"path" else name, end
    return name


def _content(stream: _Limited, member: tarfile.TarInfo, most: int) -> bytes:
    if member.size > most:
        raise UserError(f"{shown(member.name)} has {member.size:,} bytes; accepted are {most:,}.")
    return _exactly(stream, _padded(member))[: member.size]


def _skip(stream: _Limited, member: tarfile.TarInfo) -> None:
    left = _padded(member)
    while left:
        left -= len(_exactly(stream, min(left, BLOCK)))


def _padded(member: tarfile.TarInfo) -> int:
    """The bytes that a content takes, in whole blocks."""
    if member.size < 0:
        raise tarfile.ReadError("negative size")
    return -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _exactly(stream: _Limited, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise tarfile.ReadError("unexpected end of data")
    return data


def _checked_name(member: tarfile.TarInfo) -> PurePosixPath:
    """Refuse what has no place in a model's archive, needed or not."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise UserError(f"holds {shown(member.name)}, outside of its own folder. Do not trust it.")
    if member.type not in (*_PLAIN, tarfile.DIRTYPE):
        raise UserError(f"holds {shown(member.name)}, which is no plain file. Do not trust it.")
    return name


def _choose(files: Files) -> CarModel:
    """The model among the files of an archive, of one of the layouts that there are."""
    metadata = _shallowest(name for name in files if name.name == METADATA)
    graphs = [name for name in files if name.suffix == ".pb"]
    if metadata is None or not graphs:
        missing = METADATA if graphs else GRAPH
        raise UserError(
            f"holds no {missing}. A DeepRacer model has a {GRAPH} and a {METADATA}: put both into "
            f"one folder, and import {GRAPH}."
        )
    return CarModel(files[_graph(graphs, files)], files[metadata])


def _shallowest(names: Iterable[PurePosixPath]) -> PurePosixPath | None:
    return min(names, key=lambda name: (len(name.parts), name), default=None)


def _graph(graphs: list[PurePosixPath], files: Files) -> PurePosixPath:
    """The model.pb; of a training's folder, the best of its model_N.pb."""
    final = _shallowest(name for name in graphs if name.name == GRAPH)
    if final or len(graphs) == 1:
        return final or graphs[0]
    best = f"model_{_best(files)}.pb"
    for name in graphs:
        if name.name == best:
            return name
    names = ", ".join(sorted(name.name for name in graphs))
    raise UserError(
        f"holds {names}, and does not say which is the best: unpack it, and import one of them."
    )


def _best(files: Files) -> str:
    """The number of the best checkpoint, "487" of "487_Step-2477372.ckpt"; "" if it is not told."""
    listed = _shallowest(name for name in files if name.name == CHECKPOINTS)
    if listed is None:
        return ""
    try:
        best = json_object(decode(files[listed])).get("best_checkpoint")
    except UserError as error:
        raise UserError(f"{CHECKPOINTS}: {error}") from error
    name = best.get("name") if isinstance(best, dict) else None
    return str(name).partition("_")[0]
