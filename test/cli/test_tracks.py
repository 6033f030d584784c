import numpy as np
import pytest
from typer.testing import CliRunner

from deepracer_cli.tracks import app
from deepracer_sim.errors import UserError
from deepracer_sim.track_files import load_track, shipped_tracks

RUN = CliRunner()


@pytest.fixture
def route(tmp_path):
    angle = np.linspace(0.0, 2.0 * np.pi, 61)
    ring = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    ring[-1] = ring[0]
    np.save(tmp_path / "round.npy", np.hstack((2.0 * ring, 1.7 * ring, 2.4 * ring)))
    return tmp_path / "round.npy"


def test_list_names_every_track():
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.output for name in shipped_tracks())


def test_show_prints_the_figures():
    result = RUN.invoke(app, ["show", "reinvent_2018"])
    assert result.exit_code == 0
    for figure in ("17.71 m", "0.762 m", "7.33 x 4.59 m", "counter-clockwise", "118"):
        assert figure in result.output


def test_show_draws(tmp_path):
    result = RUN.invoke(app, ["show", "oval", "--png", str(tmp_path / "oval.png")])
    assert result.exit_code == 0
    assert (tmp_path / "oval.png").read_bytes().startswith(b"\x89PNG")


def test_check_says_that_a_track_is_good(route):
    result = RUN.invoke(app, ["check", str(route)])
    assert result.exit_code == 0
    assert "The track is good." in result.output


def test_check_fails_with_the_reason(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\nwidth: 0.6\npoints: [[0, 0], [3, 0], .nan]\n")
    result = RUN.invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert isinstance(result.exception, UserError)
    assert "point 3 should be [x, y]" in str(result.exception)


def test_import_keeps_the_waypoints(route, tmp_path):
    out = tmp_path / "round.yaml"
    assert RUN.invoke(app, ["import", str(route), "--out", str(out)]).exit_code == 0
    imported = load_track(str(out))
    np.testing.assert_array_equal(imported.waypoints, np.load(route)[:-1, :2])
    np.testing.assert_array_equal(imported.left_width, load_track(str(route)).left_width)


def test_import_takes_routes_only(tmp_path):
    result = RUN.invoke(app, ["import", "oval", "--out", str(tmp_path / "out.yaml")])
    assert isinstance(result.exception, UserError)
    assert not (tmp_path / "out.yaml").exists()


def test_random_makes_the_track_of_its_seed(tmp_path):
    first, again, other = (tmp_path / f"{name}.yaml" for name in ("first", "again", "other"))
    for seed, path in (("4", first), ("4", again), ("5", other)):
        assert RUN.invoke(app, ["random", "--seed", seed, "--out", str(path)]).exit_code == 0
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert load_track(str(first)).name == "random_4"


def test_tracks_are_written_as_yaml_only(tmp_path):
    result = RUN.invoke(app, ["random", "--out", str(tmp_path / "track.npy")])
    assert isinstance(result.exception, UserError)
    assert "ends in .yaml" in str(result.exception)
    assert not (tmp_path / "track.npy").exists()
