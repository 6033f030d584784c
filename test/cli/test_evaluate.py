"""`deepracer evaluate`: options, what it prints, and what it leaves."""

import json
import os
import re

import cv2
import pytest
from typer.testing import CliRunner

from deepracer_agent.metrics import read_evaluation_metrics
from deepracer_cli.main import app
from deepracer_sim.errors import UserError


def evaluate(*options, code=0):
    result = CliRunner().invoke(app, ["evaluate", *map(str, options)])
    assert result.exit_code == code, result.output
    return result


def fails(*options):
    error = evaluate(*options, code=1).exception
    assert isinstance(error, UserError)
    return str(error)


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_laps(monkeypatch):
    """Fail where laps are driven."""

    def drive(*_):
        raise AssertionError("laps were driven")

    monkeypatch.setattr("deepracer_agent.evaluate.drive_laps", drive)


def test_help_is_for_newcomers():
    shown = evaluate("--help").output
    for words in ("Drive laps with a trained model", "the newest", "starts from standing"):
        assert words in shown


def test_the_trained_model_completes_its_laps(learned, tmp_path):
    old = files(learned)
    shown = evaluate("--laps", "2", "--video", "new/drive.avi", "--png", "lines.png").output
    assert re.search(r"2 of 2 laps complete; average \d\.\d+ s, best \d\.\d+ s\.", shown)
    assert shown.count("Lap complete") == 2
    assert "Video: new/drive.avi" in shown
    assert "Driven lines: lines.png" in shown
    assert cv2.imread("lines.png") is not None
    assert cv2.VideoCapture("new/drive.avi").get(cv2.CAP_PROP_FRAME_COUNT) > 100
    metrics, trace = sorted(files(learned) - old)
    rows = read_evaluation_metrics(metrics)
    assert [row.episode_status for row in rows] == ["Lap complete"] * 2
    assert trace.name == "0-iteration.csv"


def test_several_tracks_have_a_table_each(learned, round_track):
    options = ["--laps", "1", "--max-resets", "0", "--off-track-penalty", "0"]
    shown = evaluate("learned", *options, "--track", round_track, "--track", "oval").output
    assert "learned on round" in shown
    assert "learned on oval" in shown
    assert shown.count("Driven lines: models/learned/metrics/lines-") == 2
    assert len(list((learned / "metrics").glob("lines-*.png"))) == 2
    assert len(list((learned / "metrics").glob("EvaluationMetrics-*.json"))) == 2


def test_laps_that_are_not_complete_are_no_error(learned):
    options = ["--track", "hairpins", "--laps", "1", "--max-resets", "1", "--clockwise"]
    assert "0 of 1 laps complete." in evaluate(*options).output


@pytest.mark.parametrize(
    "options",
    [
        ("--laps", "0"),
        ("--laps", "1001"),
        ("--off-track-penalty", "nan"),
        ("--off-track-penalty", "inf"),
        ("--off-track-penalty", "-1"),
        ("--max-resets", "-1"),
        ("--seed", "-1"),
    ],
)
def test_wrong_usage(learned, no_laps, options):
    evaluate(*options, code=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nobody",), "There is no model 'nobody'"),
        (("--track", "nowhere"), "no track 'nowhere'"),
        (("--car", "lorry"), "lorry"),
        (("--video", "drive.gif"), "a video ends in .mp4"),
        (("--video", "file/drive.mp4"), "Cannot write file/drive.mp4"),
        (("--png", "lines.jpg"), "ends in .png"),
        (("--video", "x" * 300 + ".mp4"), ".mp4: File name too long"),
        (("--png", "x" * 300 + ".png"), ".png: File name too long"),
    ],
)
def test_a_mistake_is_told_before_laps_are_driven(learned, no_laps, tmp_path, options, said):
    (tmp_path / "file").touch()
    before = files(tmp_path)
    assert said in fails(*options)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("policy.onnx", "policy.onnx is missing"),
        ("checkpoint/settings.json", "settings.json is missing"),
        ("model_metadata.json", "There is no model 'learned'"),
    ],
)
def test_a_missing_file_is_told(learned, no_laps, name, said):
    (learned / name).unlink()
    assert said in fails("learned")


def test_a_track_file_that_is_not_found_from_here_is_told(learned, no_laps):
    path = learned / "checkpoint" / "settings.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "tracks": ["away.yaml"]}))
    assert re.search("was trained on away.yaml, which is not found from here: .*--track", fails())
    assert "no track 'nowhere'" in fails("--track", "nowhere")


def test_a_truncated_policy_is_told(learned, no_laps):
    os.truncate(learned / "policy.onnx", 1000)
    assert "policy.onnx cannot be loaded" in fails()


def test_ctrl_c_leaves_nothing(learned, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("deepracer_agent.policy.Policy.drive", interrupt)
    before = files(tmp_path)
    evaluate("--video", "drive.mp4", code=130)
    assert files(tmp_path) == before
