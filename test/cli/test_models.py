"""`deepracer models`: good models and damaged ones."""

import shutil

import pytest
from typer.testing import CliRunner

from deepracer_cli.main import app
from deepracer_sim.errors import UserError


def models(*arguments, answer=None):
    return CliRunner().invoke(app, ["models", *arguments], input=answer)


def test_where_there_is_none_it_is_told_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = models("list")
    assert result.exit_code == 0
    assert "deepracer train" in result.output


def test_a_damaged_model_does_not_hide_the_others(learned):
    for name in ("settings", "truncated", "metadata"):
        shutil.copytree(learned, learned.with_name(name))
    folder = learned.parent
    (folder / "settings" / "checkpoint" / "settings.json").unlink()
    (folder / "truncated" / "checkpoint" / "training.npz").write_bytes(b"PK")
    (folder / "metadata" / "model_metadata.json").write_text("{")
    result = models("list")
    assert result.exit_code == 0
    (row,) = (line for line in result.output.splitlines() if "│ learned" in line)
    assert "4,000" in row
    assert result.output.count("(damaged)") == 3
    for words in (
        "models/settings/checkpoint/settings.json is missing",
        "models/truncated/checkpoint/training.npz is damaged",
        "models/metadata/model_metadata.json: line 1",
    ):
        assert words in result.output


def test_show_says_what_a_model_is_made_of(learned):
    result = models("show", "learned")
    assert result.exit_code == 0
    for words in ("learned", "round.yaml", "4,000", "clipped_ppo", "SHALLOW", "aws_sim"):
        assert words in result.output


@pytest.mark.parametrize("command", ["show", "remove"])
def test_a_model_that_is_not_there_is_told(learned, command):
    result = models(command, "nobody")
    assert result.exit_code == 1
    assert isinstance(result.exception, UserError)
    assert "The models there are: learned" in str(result.exception)


def test_remove_asks_first(learned):
    assert models("remove", "learned", answer="n\n").exit_code == 1
    assert learned.is_dir()
    assert models("remove", "learned", answer="y\n").exit_code == 0
    assert not learned.exists()


def test_remove_can_do_without_asking(learned):
    result = models("remove", "learned", "--yes")
    assert result.exit_code == 0
    assert "Removed models/learned." in result.output
    assert not learned.exists()
