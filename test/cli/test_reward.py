import pytest
from typer.testing import CliRunner

from deepracer_agent.rewards import RewardError, builtin_rewards
from deepracer_cli.reward import app

RUN = CliRunner()


def test_list_names_every_builtin_reward():
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.output for name in builtin_rewards())


@pytest.mark.parametrize("name", builtin_rewards())
def test_show_prints_what_can_be_used_as_a_start(name, tmp_path):
    result = RUN.invoke(app, ["show", name])
    assert result.exit_code == 0
    assert result.output == builtin_rewards()[name].read_text()


def test_check_prints_the_lap_and_the_parameters():
    result = RUN.invoke(app, ["check", "progress"])
    assert result.exit_code == 0
    for words in ("Lap complete", "Reversed", "Immobilized", "us a call", "track_width = 0.762"):
        assert words in result.output
    assert "No error, no warning." in result.output


def test_check_warns_and_still_succeeds(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def reward_function(params):\n    return 1\n")
    result = RUN.invoke(app, ["check", str(path), "--track", "reinvent_2018"])
    assert result.exit_code == 0
    assert "Warning: The reward never changes" in result.output


def test_check_fails_with_the_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def reward_function(params):\n    return float('nan')\n")
    result = RUN.invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert isinstance(result.exception, RewardError)
    assert "line 1: reward_function returned nan" in str(result.exception)
