"""Models come in and go out: the same driver on both sides, and nothing half-made."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepracer_agent import model_import
from deepracer_agent.actions import load_metadata
from deepracer_agent.car_archive import CarModel, read_car_model, write_archive
from deepracer_agent.evaluate import Rules, drive_laps
from deepracer_agent.model import list_models
from deepracer_agent.model_export import export_model
from deepracer_agent.model_import import import_model
from deepracer_agent.policy import Policy
from deepracer_agent.recipe import Files, old_recipe
from deepracer_agent.settings import Settings, build_fleet, load_settings
from deepracer_agent.summary import summarise
from deepracer_agent.tensorflow_messages import GraphDef
from deepracer_sim.errors import UserError

FROZEN = Path(__file__).with_name("frozen_graphs.npz")


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A function that makes a car's archive of a graph that TensorFlow froze."""
    with np.load(FROZEN, allow_pickle=False) as file:
        graphs = dict(file)

    def make(kind="continuous", change=None, **metadata):
        graph = GraphDef.FromString(graphs[f"{kind}_graph"].tobytes())
        if change:
            change(graph)
        space = {"speed": {"low": 1, "high": 3}, "steering_angle": {"low": -30, "high": 30}}
        content = {
            "action_space": space,
            "action_space_type": "continuous",
            "sensor": ["FRONT_FACING_CAMERA"],
            "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
            "training_algorithm": "sac" if kind == "sac" else "clipped_ppo",
            "version": "4",
            "preprocess_type": "GREY_SCALE",
            "regional_parameters": ["0", "0", "0", "0"],
        }
        path = tmp_path_factory.mktemp("stock") / "Speedy (best).tar.gz"
        text = json.dumps({**content, **metadata}).encode()
        path.write_bytes(write_archive(CarModel(graph.SerializeToString(), text), 0))
        return path

    return make


@pytest.fixture(scope="module")
def once(stock, tmp_path_factory):
    """A model that was imported. Leave it as it is."""
    return import_model(stock(), None, tmp_path_factory.mktemp("once") / "models")


@pytest.fixture
def imported(once, models):
    """A copy of it."""
    return shutil.copytree(once, models / "m")


@pytest.mark.parametrize("actions", ["default", "continuous", "sac"])
def test_out_and_in_again_is_the_same_driver(make_model, frames, tmp_path, models, actions):
    folder = make_model(tmp_path / "m", load_metadata(actions))
    archive = export_model(folder, "aws-car", tmp_path / "m.tar.gz")
    imported = import_model(archive, "again", models)
    policy, again = Policy(folder), Policy(imported)
    assert again.metadata == policy.metadata
    assert len(frames) == 200
    assert again.drive(frames) == pytest.approx(policy.drive(frames), abs=1e-3)
    assert len(np.unique(policy.drive(frames), axis=0)) > 1


def test_an_imported_model_goes_out_as_it_came_in(once, tmp_path):
    out = read_car_model(export_model(once, "aws-car", tmp_path / "m.tar.gz"))
    assert out.graph == (once / "model.pb").read_bytes()
    assert out.metadata == (once / "model_metadata.json").read_bytes()
    with pytest.raises(UserError, match="not turned into ONNX"):
        export_model(once, "onnx", tmp_path / "m.onnx")


def test_an_imported_model_is_a_model(once):
    assert once.name == "Speedy-best"
    assert list_models(once.parent) == [once]
    assert {path.relative_to(once).as_posix() for path in once.rglob("*.*")} == {
        "model.pb",
        "model_metadata.json",
        "checkpoint/settings.json",
    }
    assert "imported" in summarise(once).row()
    fleet = build_fleet(load_settings(once / "checkpoint"), 1, round_robin=False)
    ((lap,),) = drive_laps(fleet, Policy(once).drive, Rules(laps=1, max_resets=0))
    assert lap.outcome.progress > 0


def test_an_imported_model_cannot_be_trained_further(once):
    with pytest.raises(UserError, match="was imported, and learns no more"):
        old_recipe(once, Files(), {})


def test_the_car_imports_without_what_learns(stock, models):
    code = """
import sys
for name in ("numba", "torch", "onnx", "rosbags", "gymnasium", "matplotlib", "stable_baselines3"):
    sys.modules[name] = None
from pathlib import Path
from deepracer_agent.model_import import import_model
print(import_model(Path(sys.argv[1]), "m", Path(sys.argv[2])).name)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code, str(stock()), str(models)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "m\n"
    assert load_settings(models / "m" / "checkpoint") == Settings()


def test_an_imported_model_needs_no_torch(once):
    code = """
import sys
import numpy as np
from pathlib import Path
from deepracer_agent.policy import Policy
print(Policy(Path(sys.argv[1])).drive(np.zeros((1, 120, 160), np.uint8)).shape)
print({"torch", "gymnasium", "numba", "onnx", "onnxruntime"} & set(sys.modules))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code, str(once)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == ["(1, 2)", "set()"]


def discrete(n):
    """An action space of n actions, as the service wrote it."""
    actions = [{"steering_angle": float(10 * i - 20), "speed": 1.0, "index": i} for i in range(n)]
    return {"action_space": actions, "action_space_type": "discrete"}


ODD = [
    (
        {"name": "Speedy", "\x1b[31m": 1},
        [r"model_metadata.json: unknown keys are ignored: ['\x1b[31m', 'name']."],
    ),
    ({"sensor": "FRONT_FACING_CAMERA"}, []),
    (
        {
            "action_space": {
                "speed": {"low": "1", "high": "3.0"},
                "steering_angle": {"low": "-30", "high": "30"},
            }
        },
        [],
    ),
]


@pytest.mark.parametrize(("odd", "told"), ODD)
def test_odd_metadata_that_does_no_harm_comes_in(stock, once, models, odd, told):
    notes = []
    folder = import_model(stock(**odd), None, models, notes.append)
    assert notes == told
    assert load_metadata(folder / "model_metadata.json") == Policy(once).metadata


def test_actions_that_are_there_twice_come_in(stock, models):
    actions = discrete(5)["action_space"]
    actions[4] = {**actions[1], "speed": "1.0", "index": "4"}
    path = stock("discrete", action_space=actions, action_space_type="discrete")
    folder = import_model(path, None, models)
    table = Policy(folder).metadata.action_space.table
    assert table[:, 1].tolist() == [1.0] * 5
    assert table[4].tolist() == table[1].tolist() != table[3].tolist()
    assert "5 to 1 m/s" in summarise(folder).row()
    with pytest.raises(UserError, match="are the same action"):  # for a new model
        load_metadata(folder / "model_metadata.json")


@pytest.mark.parametrize("speed", ["fast", "nan", "1e999", "8", "1" * 33, None, [["1"]]])
def test_texts_that_are_no_speeds_are_refused(stock, models, speed):
    space = {"speed": {"low": 1, "high": speed}, "steering_angle": {"low": -30, "high": 30}}
    with pytest.raises(UserError, match=r"action_space\.speed\.high is .*to 4 m/s"):
        import_model(stock(action_space=space), None, models)


def spoil(graph):
    bias = [node for node in graph.node if node.op == "Const" and node.name.endswith("bias")][-1]
    bias.attr["value"].tensor.tensor_content = np.full(2, np.nan, np.float32).tobytes()


def misplace(graph):
    """What only OpenVINO finds."""
    next(node for node in graph.node if node.op == "MatMul").input.reverse()


FAULTS = [
    ({"sensor": ["STEREO_CAMERAS"]}, "sensor 'STEREO_CAMERAS' is not supported yet"),
    ({"sensor": ["FRONT_FACING_CAMERA", "LIDAR"]}, "sensor 'LIDAR' is not supported yet"),
    ({"sensor": ["SONAR"]}, "'SONAR'"),
    (discrete(4), "needs 4: the two files are of different models"),
    ({"training_algorithm": "sac"}, "gives no .*sac_policy_head_0"),
    ({"change": spoil}, "gives no finite numbers"),
    ({"change": misplace}, "OpenVINO cannot run it"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_what_cannot_drive_is_refused_and_leaves_nothing(stock, models, fault, words):
    path = stock(**fault)
    with pytest.raises(UserError, match=words) as error:
        import_model(path, None, models)
    assert str(path) in str(error.value)
    assert ".import-" not in str(error.value)
    assert not models.exists()


def test_a_network_that_kills_its_process_is_refused(stock, models, monkeypatch):
    monkeypatch.setattr(model_import, "_TRIAL", "import os; os.kill(os.getpid(), 8)")
    with pytest.raises(UserError, match=r"breaks down at it \(exit code -8\)"):
        import_model(stock(), None, models)
    assert not models.exists()


def test_a_model_that_is_there_is_not_touched(stock, imported):
    before = (imported / "model.pb").read_bytes()
    with pytest.raises(UserError, match="exists already"):
        import_model(stock("sac"), "m", imported.parent)
    assert (imported / "model.pb").read_bytes() == before


def test_a_disk_that_refuses_leaves_nothing(stock, models):
    models.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="Cannot make the model folder"):
        import_model(stock(), None, models)
    assert models.read_text().startswith("a file")


def test_a_damaged_graph_in_a_folder_is_told(imported):
    os.truncate(imported / "model.pb", 1000)
    with pytest.raises(UserError, match=r"m/model\.pb: is no frozen graph"):
        Policy(imported)


def test_where_openvino_is_missing_it_is_told(once, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UserError, match="pip install openvino"):
        Policy(once)


def test_the_first_models_of_2018_come_in(make_model, tmp_path, models):
    old = replace(load_metadata("default"), sensor="observation", version=1)
    archive = export_model(make_model(tmp_path / "m", old), "aws-car", tmp_path / "m.tar.gz")
    assert Policy(import_model(archive, None, models)).metadata.sensor == "observation"
