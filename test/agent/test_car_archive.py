"""Archives: the layouts that people have, and what nobody should have."""

import gzip
import io
import json
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent import car_archive
from deepracer_agent.car_archive import CarModel, read_car_model, write_archive
from deepracer_sim.errors import UserError

MODEL = CarModel(b"graph", b"{}")
GOOD = write_archive(MODEL, 0)


def tar(*members, mode="w:gz", **options):
    """An archive of (name, content) and of TarInfos."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode, **options) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                archive.addfile(entry, io.BytesIO(member[1]))
    return content.getvalue()


def entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def behind(kind, header, *members):
    """An archive that begins with a header of a special kind, before its first member."""
    info = entry("././@Header", kind)
    info.size = len(header)
    block = info.tobuf(tarfile.GNU_FORMAT) + header + bytes(-len(header) % 512)
    return gzip.compress(block + tar(*members, mode="w"))


def records(**pairs):
    """The content of a PAX header."""
    lines = [f" {key}={value}\n".encode() for key, value in pairs.items()]
    return b"".join(str(len(line) + 2).encode() + line for line in lines)  # 10 to 99 bytes


@pytest.fixture
def read(tmp_path):
    """A function that reads an archive of this content, and checks that it left nothing."""

    def read_content(content):
        path = tmp_path / "a.tar.gz"
        path.write_bytes(content)
        try:
            return read_car_model(path)
        finally:
            assert list(tmp_path.iterdir()) == [path]

    return read_content


def best(name):
    return json.dumps({"best_checkpoint": {"name": name}, "last_checkpoint": {}}).encode()


META = ("model_metadata.json", b"{}")
FAR = "f\u00f6lder/" * 20  # more than fits into an ordinary header
LAYOUTS = {
    "car": tar(META, ("agent/model.pb", b"graph")),
    "here and now": tar(("./agent/model.pb", b"graph"), ("./model_metadata.json", b"{}")),
    "in a folder": tar(("mine/agent/model.pb", b"graph"), ("mine/model_metadata.json", b"{}")),
    "on the car's disk": tar(("mine/model.pb", b"graph"), ("mine/model_metadata.json", b"{}")),
    "at the root": tar(("model.pb", b"graph"), META),
    "not packed": tar(META, ("agent/model.pb", b"graph"), mode="w"),
    "a training's folder": tar(
        ("model/model_metadata.json", b"{}"),
        ("model/model_12.pb", b"twelve"),
        ("model/model_9.pb", b"graph"),
        ("model/9_Step-700.ckpt.index", b"..."),
        ("model/deepracer_checkpoints.json", best("9_Step-700.ckpt")),
        ("ip/hyperparameters.json", b"{}"),
    ),
    "one of a training": tar(("model/model_metadata.json", b"{}"), ("model/model_3.pb", b"graph")),
    "the final among others": tar(META, ("model_3.pb", b"three"), ("agent/model.pb", b"graph")),
    "from a Mac": tar(META, ("._model_metadata.json", b"Mac OS X"), ("agent/model.pb", b"graph"),
                      ("agent/._model.pb", b"Mac OS X")),
    "far down, GNU": tar((f"{FAR}model.pb", b"graph"), (f"{FAR}model_metadata.json", b"{}"),
                         format=tarfile.GNU_FORMAT),
    "far down, PAX": tar((f"{FAR}model.pb", b"graph"), (f"{FAR}model_metadata.json", b"{}")),
    "with folders": tar(entry("agent", tarfile.DIRTYPE), META, ("agent/model.pb", b"graph")),
    "with a remark": tar(META, ("model.pb", b"graph"), pax_headers={"comment": "by git"}),
    "with a long link": behind(tarfile.GNUTYPE_LONGLINK, b"nowhere", META, ("model.pb", b"graph")),
    "with other records": behind(tarfile.XHDTYPE, records(**{"SCHILY.xattr.user": "a=\0\n"}),
                                 META, ("model.pb", b"graph")),
    "with large files": tar(META, ("big", bytes(200_000)), ("model.pb", b"graph")),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_that_people_have(read, layout):
    assert read(LAYOUTS[layout]) == MODEL


def test_what_is_written_is_what_the_car_takes(read):
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as archive:
        assert archive.getnames() == ["agent/model.pb", "model_metadata.json"]
        assert all(member.isreg() for member in archive)
    assert read(GOOD) == MODEL
    assert write_archive(MODEL, 0) == GOOD


HOSTILE = {
    "outside of its own folder": [
        tar(META, ("../model.pb", b"graph")),
        tar(META, ("/etc/cron.d/model.pb", b"graph")),
        tar(META, ("agent/../../model.pb", b"graph")),
        tar(META, ("agent/model.pb", b"graph"), ("../../.bashrc", b"rm")),
    ],
    "no plain file": [
        tar(META, entry("agent/model.pb", tarfile.SYMTYPE, "/etc/passwd")),
        tar(META, entry("agent/model.pb", tarfile.LNKTYPE, "/etc/passwd")),
        tar(META, entry("agent", tarfile.SYMTYPE, "/"), ("agent/model.pb", b"graph")),
        tar(META, entry("null", tarfile.CHRTYPE), ("agent/model.pb", b"graph")),
        tar(META, entry("pipe", tarfile.FIFOTYPE), ("agent/model.pb", b"graph")),
        tar(META, entry("sparse", tarfile.GNUTYPE_SPARSE), ("agent/model.pb", b"graph")),
    ],
    "twice": [tar(META, ("agent/model.pb", b"graph"), ("agent/model.pb", b"other"))],
    "holds no model.pb": [
        tar(META),
        tar(META, ("agent/model.pb.tar.gz", GOOD)),
        bytes(10_000),
    ],
    "holds no model_metadata.json": [tar(("agent/model.pb", b"graph"))],
    "does not say which is the best": [tar(META, ("model_1.pb", b"a"), ("model_2.pb", b"b"))],
    "more than 1,000 files": [tar(*[(f"{n}.txt", b"") for n in range(1_001)])],
    "holds a header of 20,000 bytes": [
        behind(kind, b"0" * 20_000, META, ("model.pb", b"graph"))
        for kind in (
            tarfile.XHDTYPE,  # tarfile's own time for these digits goes by their square
            tarfile.XGLTYPE,
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
        )
    ],
    "holds a sparse file": [
        behind(tarfile.XHDTYPE, records(**{"GNU.sparse.major": 1, "GNU.sparse.minor": 0}),
               ("model.pb", b"9" * 10_000), META),
    ],
    "more than 1,000 files.": [
        gzip.compress(entry("x", tarfile.XGLTYPE).tobuf() * 4_000 + tar(META, mode="w"))
    ],
    "is damaged": [
        tar(META, ("model.pb", b"graph"), mode="w")[:2_048],
        *(
            behind(tarfile.XHDTYPE, header, META, ("model.pb", b"graph"))
            for header in (b"0 path=a\n", b"-9 path=a\n", b"9", b"x path=a\n", b"9" * 600)
        ),
    ],
    "unpack model.pb": [b"", b"PK", b"\x1f\x8b", gzip.compress(b"no tar")],
}  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_archives_are_refused(read, words):
    for content in HOSTILE[words]:
        with pytest.raises(UserError, match=words):
            read(content)


def test_a_zip_file_is_told(read):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("agent/model.pb", b"graph")
    with pytest.raises(UserError, match=r"no \.tar\.gz archive.*unpack model\.pb"):
        read(content.getvalue())


@pytest.mark.parametrize("name", ["padding.bin", "agent/model.pb"])
def test_a_bomb_is_refused(read, monkeypatch, name):
    monkeypatch.setattr(car_archive, "MAX_ARCHIVE", 1_000_000)
    monkeypatch.setattr(car_archive, "MAX_GRAPH", 500_000)
    with pytest.raises(UserError, match=r"holds more than 1,000,000 bytes|accepted are 500,000"):
        read(tar(META, (name, bytes(2_000_000))))


def test_damaged_checkpoints_are_told(read):
    members = META, ("model_1.pb", b"a"), ("model_2.pb", b"b")
    with pytest.raises(UserError, match=r"a\.tar\.gz: deepracer_checkpoints\.json: line 1"):
        read(tar(*members, ("deepracer_checkpoints.json", b"{!")))


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(UserError, match="Is a directory"):
        read_car_model(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        read_car_model(tmp_path / "a.tar.gz")


def test_a_bare_graph_finds_its_metadata(tmp_path):
    (tmp_path / "agent").mkdir()
    for folder in (tmp_path, tmp_path / "agent"):
        (folder / "model.pb").write_bytes(b"graph")
    with pytest.raises(UserError, match=r"no model_metadata\.json beside it"):
        read_car_model(tmp_path / "model.pb")
    (tmp_path / "model_metadata.json").write_bytes(b"{}")
    assert read_car_model(tmp_path / "model.pb") == MODEL
    assert read_car_model(tmp_path / "agent" / "model.pb") == MODEL


def refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="a.tar.gz"):
        read_car_model(path)


@settings(deadline=None)
@given(data=st.binary(max_size=2_000))
def test_any_bytes_are_refused(tmp_path_factory, data):
    refused(tmp_path_factory, data)


@settings(deadline=None)
@given(size=st.integers(0, len(GOOD) - 1))
def test_any_beginning_of_an_archive_is_refused(tmp_path_factory, size):
    refused(tmp_path_factory, GOOD[:size])


@settings(deadline=None)
@given(data=st.data())
def test_other_bytes_within_are_refused_or_harmless(tmp_path_factory, data):
    plain = bytearray(gzip.decompress(GOOD))
    for _ in range(data.draw(st.integers(1, 5))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.tar").write_bytes(plain)
    try:
        model = read_car_model(folder / "a.tar")
    except UserError:
        pass
    else:
        assert {len(model.graph), len(model.metadata)} == {5, 2}
    assert [path.name for path in folder.iterdir()] == ["a.tar"]
