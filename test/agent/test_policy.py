"""The exported policy: equal to the network it came from, without torch, and nothing else."""

import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from deepracer_agent.actions import NETWORKS, commands, load_metadata, save_metadata
from deepracer_agent.export import export_onnx
from deepracer_agent.model import METADATA, POLICY
from deepracer_agent.observation import observe
from deepracer_agent.policy import Policy
from deepracer_sim.errors import UserError


@pytest.fixture(scope="module")
def any_frames(frames):
    """What cars see on their way, noise, and the darkest and the brightest frame."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 120, 160), dtype=np.uint8)
    plain = np.stack([np.full((120, 160), value, np.uint8) for value in (0, 255)])
    return np.concatenate([frames, noise, plain])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("actions", ["default", "continuous", "sac"])
def test_onnx_drives_as_torch_does(make_learned, any_frames, tmp_path, actions, name):
    metadata = replace(load_metadata(actions), neural_network=name)
    learner, layers = make_learned(metadata)
    (tmp_path / POLICY).write_bytes(export_onnx(layers))
    save_metadata(metadata, tmp_path / METADATA)
    policy = Policy(tmp_path)

    with torch.no_grad():
        expected = layers(torch.from_numpy(observe(any_frames)) / 255.0).numpy()
    found = policy._engine(any_frames)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.ptp(found, axis=0).max() > 0.1  # other frames, other outputs

    taken, _ = learner.predict(observe(any_frames), deterministic=True)
    if actions == "default":
        assert len(set(taken.tolist())) > 1
        assert found.sum(axis=1) == pytest.approx(1.0)
        assert np.array_equal(policy.act(any_frames), taken)
    assert policy.drive(any_frames) == pytest.approx(commands(metadata, taken), abs=1e-4)


def test_a_trained_model_drives_within_its_action_space(trained, frames):
    policy = Policy(trained.folder)
    chosen = policy.drive(frames)
    assert chosen.shape == (len(frames), 2)
    assert set(chosen[:, 1]) == {1.0}
    assert set(np.degrees(chosen[:, 0]).round()) <= {-20.0, 0.0, 20.0}
    one_by_one = [policy.drive(frame[None])[0] for frame in frames]
    assert np.array_equal(chosen, one_by_one)


def test_the_car_needs_no_torch(trained):
    code = """
import sys
import numpy as np
from pathlib import Path
from deepracer_agent.policy import Policy
policy = Policy(Path(sys.argv[1]))
print(policy.drive(np.zeros((1, 120, 160), np.uint8)).shape)
print({"torch", "stable_baselines3", "gymnasium", "numba", "cv2"} & set(sys.modules))
"""
    shown = subprocess.run(
        [sys.executable, "-c", code, str(trained.folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == ["(1, 2)", "set()"]


@pytest.fixture
def model(trained, tmp_path):
    """A copy of the model's two files, to be damaged."""
    for name in (METADATA, POLICY):
        shutil.copy(trained.folder / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [METADATA, POLICY])
def test_a_missing_file_is_told(model, name):
    (model / name).unlink()
    with pytest.raises(UserError, match=name):
        Policy(model)


@pytest.mark.parametrize("content", [b"", bytes(100), b"no ONNX at all", bytes(range(256)) * 4])
def test_what_is_no_onnx_file_is_told(model, content):
    (model / POLICY).write_bytes(content)
    with pytest.raises(UserError, match=r"policy\.onnx cannot be loaded"):
        Policy(model)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_told(model, share):
    size = (model / POLICY).stat().st_size
    os.truncate(model / POLICY, int(share * size))
    with pytest.raises(UserError, match=r"policy\.onnx cannot be loaded"):
        Policy(model)


@pytest.mark.parametrize("actions", ["default", "continuous"])
def test_a_policy_of_another_model_is_told(model, actions):
    save_metadata(load_metadata(actions), model / METADATA)
    with pytest.raises(UserError, match="the two files are of different models"):
        Policy(model)


def onnx_file(nodes, frame, action, *constants):
    """An ONNX file of a few operators between `frame` and `action`."""
    ends = [
        [helper.make_tensor_value_info(name, *kind)]
        for name, kind in (("frame", frame), ("action", action))
    ]
    body = helper.make_graph(nodes, "other", *ends, constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def graph(input_type, input_shape, operator, output_type, **attributes):
    """An ONNX file with one operator between `frame` and `action` (n, 3)."""
    node = helper.make_node(operator, ["frame"], ["action"], **attributes)
    return onnx_file([node], (input_type, input_shape), (output_type, ["n", 3]))


@pytest.mark.parametrize(
    "content",
    [
        graph(TensorProto.FLOAT, ["n", 3], "Relu", TensorProto.FLOAT),
        graph(TensorProto.UINT8, ["n", 3], "Cast", TensorProto.FLOAT, to=TensorProto.FLOAT),
    ],
)
def test_a_foreign_network_is_told(model, content):
    (model / POLICY).write_bytes(content)
    with pytest.raises(UserError, match="was not exported by this project"):
        Policy(model)


def reshaping(rows):
    """An ONNX file that makes (rows, 3) of a frame."""
    nodes = [
        helper.make_node("Cast", ["frame"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pixels", "shape"], ["action"]),
    ]
    shape = numpy_helper.from_array(np.array([rows, 3]), "shape")
    frame = TensorProto.UINT8, ["n", 120, 160]
    return onnx_file(nodes, frame, (TensorProto.FLOAT, ["n", 3]), shape)


@pytest.mark.parametrize(
    ("rows", "words"), [(7, "fails at a frame"), (-1, "gives no finite numbers for a frame")]
)
def test_a_network_that_answers_otherwise_than_it_says_is_told(model, rows, words):
    (model / POLICY).write_bytes(reshaping(rows))
    with pytest.raises(UserError, match=words):
        Policy(model)


def test_weights_that_are_no_numbers_are_told(model):
    policy = onnx.load(model / POLICY)
    bias = policy.graph.initializer[-1]
    bias.raw_data = np.full(3, math.nan, np.float32).tobytes()
    onnx.save(policy, model / POLICY)
    with pytest.raises(UserError, match="gives no finite numbers"):
        Policy(model)


def test_a_layer_without_an_onnx_operator_is_a_bug():
    with pytest.raises(TypeError, match="no ONNX operator for the layer Sigmoid"):
        export_onnx(torch.nn.Sequential(torch.nn.Sigmoid()))
