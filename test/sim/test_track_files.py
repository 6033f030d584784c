import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory
from deepracer_sim.track_files import load_track, resolve_tracks, save_track, shipped_tracks

WORLDS = share_directory() / "worlds"


@pytest.mark.parametrize("name", shipped_tracks())
def test_every_shipped_track_loads(name):
    track = load_track(name)
    assert track.name == name
    steps = np.diff(track.s)
    assert steps.max() <= 0.05
    assert len(track.center) == 4 * len(track.waypoints)
    np.testing.assert_allclose(np.diff(track.waypoint_s), 0.15, atol=0.01)


def test_re_invent_2018_is_the_published_one():
    track = load_track("reinvent_2018")
    assert track.length == pytest.approx(17.71, abs=0.005)
    assert len(track.waypoints) == 118
    assert sum(track.width(5.0)) == pytest.approx(0.762)
    np.testing.assert_allclose(track.pose(0.0), [3.06, 0.681, 0.0], atol=1e-3)
    extent = np.concatenate((track.left_border, track.right_border))
    np.testing.assert_allclose(extent.min(axis=0), [0.33, 0.29], atol=0.02)
    np.testing.assert_allclose(extent.max(axis=0), [7.66, 4.88], atol=0.02)


def test_a_track_is_found_by_path_too(tmp_path):
    copy = tmp_path / "mine.yml"
    copy.write_bytes((WORLDS / "oval.yaml").read_bytes())
    np.testing.assert_array_equal(load_track(str(copy)).center, load_track("oval").center)


def test_save_and_load_give_the_same_track(tmp_path):
    track = load_track("lagoon")
    save_track(track, tmp_path / "copy.yaml")
    again = load_track(str(tmp_path / "copy.yaml"))
    for name in ("center", "left_width", "right_width", "waypoints"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))


def test_random_stands_for_as_many_different_tracks():
    tracks = resolve_tracks(["random:2", "oval", "random:1"], seed=1)
    assert [track.name for track in tracks] == ["random_1000", "random_1001", "oval", "random_1002"]
    again = resolve_tracks(["random:1"], seed=1)[0]
    np.testing.assert_array_equal(again.center, tracks[0].center)


@pytest.mark.parametrize("name", ["random:", "random:0", "random:x", "random:-1", "random:1001"])
def test_a_bad_number_of_random_tracks_is_refused(name):
    with pytest.raises(UserError, match="random:N with N from 1 to 1000"):
        resolve_tracks([name], seed=0)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no track 'silverstone'. Give one of alley, .*oval"):
        load_track("silverstone")


@pytest.mark.parametrize("name", ["missing.yaml", "missing.npy", "folder.yaml"])
def test_a_missing_file_is_named(tmp_path, name):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UserError, match=f"no track file .*{name}"):
        load_track(str(tmp_path / name))


@pytest.mark.parametrize("ending", [".yaml", ".npy"])
def test_a_name_that_no_file_can_have_is_told(ending):
    with pytest.raises(UserError, match="Cannot read the track x+.*too long|no track file x+"):
        load_track("x" * 300 + ending)


def test_a_folder_that_may_not_be_entered_is_told(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(UserError, match="Cannot read the track .*: Permission denied"):
        load_track("folder/track.yaml")


@pytest.mark.parametrize("twice", ["name", "radius"])
def test_a_key_that_is_given_twice_is_refused(tmp_path, twice):
    text = "name: a\nwidth: 0.6\nsegments:\n  - left: {radius: 2, angle_deg: 360}\n"
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    load_track(str(path))
    path.write_text(
        {"name": text + "name: b\n", "radius": text.replace("{", "{radius: 1, ")}[twice]
    )
    with pytest.raises(UserError, match=f"the key '{twice}' is given twice"):
        load_track(str(path))


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(3_000_000)
    with pytest.raises(UserError, match=r"has 3\.0 MB; a track has 1 MB at most"):
        load_track(str(path))


@pytest.mark.parametrize(
    "content",
    [
        b"name: [a",
        b"\xff\xff\xff",
        b"[" * 1200,
        b"a: 2001-99-99",
        b"? [a]\n: 1",
        b"%",
        b"a: *b",
        b"\x00",
    ],
)
def test_what_is_no_yaml_is_refused(tmp_path, content):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.yaml is not valid YAML"):
        load_track(str(path))


def test_yaml_cannot_make_objects(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_track(str(path))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), name=st.sampled_from(["lagoon", "alley"]))
def test_a_damaged_file_is_a_track_or_a_user_error(tmp_path, data, name):
    content = bytearray((WORLDS / f"{name}.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.yaml"
    path.write_bytes(content)
    try:
        load_track(str(path))
    except UserError as error:
        assert "damaged.yaml" in str(error)


def test_the_tracks_in_the_guide_load(tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "tracks.md"
    blocks = re.findall(r"```yaml\n(name:.*?)```", guide.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "guide.yaml").write_text(block)
        load_track(str(tmp_path / "guide.yaml"))
