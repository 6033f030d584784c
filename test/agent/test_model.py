"""Model folders: their names, and finding one among others."""

import os

import pytest

from deepracer_agent.model import METADATA, find_model, list_models, new_model, remove_model
from deepracer_agent.summary import summarise
from deepracer_sim.errors import UserError


@pytest.fixture
def models(tmp_path):
    """A folder with three models, made in the order b, c, a, and a folder that is none."""
    for when, name in enumerate("bca"):
        (tmp_path / name).mkdir()
        (tmp_path / name / METADATA).touch()
        os.utime(tmp_path / name / METADATA, (when, when))
    (tmp_path / "other").mkdir()
    return tmp_path


def test_models_are_listed_oldest_first(models):
    assert [folder.name for folder in list_models(models)] == ["b", "c", "a"]


def test_a_folder_that_is_not_there_holds_no_models(tmp_path):
    assert list_models(tmp_path / "models") == []


def test_a_model_is_found_by_name_by_folder_and_as_the_newest(models):
    assert find_model("c", models) == models / "c"
    assert find_model(str(models / "c"), models / "elsewhere") == models / "c"
    assert find_model(None, models) == models / "a"


def test_a_model_that_is_not_there_is_told_with_those_that_are(models):
    for name in ("d", "other"):
        with pytest.raises(UserError, match=rf"no model '{name}'.*b, c, a\."):
            find_model(name, models)


def test_where_there_is_none_yet_it_is_told_how_to_get_one(tmp_path):
    with pytest.raises(UserError, match="deepracer train"):
        find_model(None, tmp_path)


@pytest.mark.parametrize("name", ["a", "Z9", "1", "fast-2.0_b", "x" * 100])
def test_good_names(tmp_path, name):
    assert new_model(name, tmp_path) == tmp_path / name
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "/a", "a b", "ä", "a\n", "x" * 101]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_bad_names(tmp_path, name, overwrite):
    with pytest.raises(UserError, match="cannot name a model"):
        new_model(name, tmp_path, overwrite=overwrite)


def test_without_a_name_it_is_the_next_free_number(tmp_path):
    (tmp_path / "model-1").mkdir()
    (tmp_path / "model-3").mkdir()
    (tmp_path / "model-x").mkdir()
    assert new_model(None, tmp_path).name == "model-2"


def test_a_name_that_is_taken_is_told(models):
    for name, words in (("a", "exists already: .*--resume"), ("other", "holds no whole model")):
        with pytest.raises(UserError, match=rf"{words}.*--overwrite"):
            new_model(name, models)
        assert new_model(name, models, overwrite=True) == models / name
    (models / "file").touch()
    with pytest.raises(UserError, match="exists already"):
        new_model("file", models, overwrite=True)


def test_a_model_is_removed(models):
    remove_model(models / "a")
    assert not (models / "a").exists()
    with pytest.raises(UserError, match="Cannot remove"):
        remove_model(models / "a")


def test_a_model_in_a_few_words(trained):
    summary = summarise(trained.folder)
    name, track, actions, steps, _, progress, lap = summary.row()
    assert name == trained.folder.name
    assert track.endswith("round.yaml")
    assert actions == "3 to 1 m/s"
    assert steps == "4,000"
    assert progress == f"{trained.progress.best_progress_pct:.0f}%"
    assert lap == f"{trained.progress.best_lap_time:.1f} s"
    assert "algorithm    clipped_ppo" in summary.lines()
