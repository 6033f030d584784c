"""What goes to the car: OpenVINO, which is what the car runs, drives by it as we do."""

from dataclasses import replace

import numpy as np
import openvino
import pytest
from onnx import TensorProto, helper

from deepracer_agent.actions import NETWORKS, load_metadata
from deepracer_agent.export import export_onnx
from deepracer_agent.openvino_engine import engine_of
from deepracer_agent.policy import Policy
from deepracer_agent.tensorflow_export import graph_of_onnx
from deepracer_agent.tensorflow_graph import read_graph
from deepracer_agent.tensorflow_messages import GraphDef
from deepracer_sim.errors import UserError

SENSOR = "FRONT_FACING_CAMERA"
PPO_NAMES = (
    f"main_level/agent/main/online/network_0/{SENSOR}/{SENSOR}",
    "main_level/agent/main/online/network_1/ppo_head_0/policy",
)
SAC_NAMES = (
    f"main_level/agent/policy/online/network_0/{SENSOR}/{SENSOR}",
    "main_level/agent/policy/online/network_0/sac_policy_head_0/policy",
)


@pytest.fixture
def graph(make_learned):
    """A function that exports a policy that is as if learned."""

    def make(metadata):
        return graph_of_onnx(export_onnx(make_learned(metadata)[1]), metadata)

    return make


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("actions", ["default", "continuous", "sac"])
def test_the_cars_graph_drives_as_the_policy_does(make_model, frames, tmp_path, actions, name):
    metadata = replace(load_metadata(actions), neural_network=name)
    policy = Policy(make_model(tmp_path / "m", metadata))
    content = graph_of_onnx((tmp_path / "m" / "policy.onnx").read_bytes(), metadata)
    found = engine_of(content, metadata)(frames)
    assert len(frames) == 200
    assert found == pytest.approx(policy._engine(frames), abs=1e-5)
    assert np.ptp(found, axis=0).max() > 0.02  # other frames, other outputs


@pytest.mark.parametrize(
    ("actions", "names", "width"),
    [("default", PPO_NAMES, 10), ("continuous", PPO_NAMES, 2), ("sac", SAC_NAMES, 2)],
)
def test_openvino_finds_the_tensors_that_the_car_asks_for(graph, tmp_path, actions, names, width):
    metadata = load_metadata(actions)
    (tmp_path / "model.pb").write_bytes(graph(metadata))
    network = openvino.Core().read_model(tmp_path / "model.pb")
    (frame,), (action,) = network.inputs, network.outputs
    assert f"{names[0]}:0" in frame.get_names()
    assert f"{names[1]}:0" in action.get_names()
    assert frame.get_element_type() == openvino.Type.f32
    assert frame.get_partial_shape().to_string() == "[?,120,160,1]"
    network.reshape([1, 120, 160, 1])
    assert list(network.outputs[0].shape) == [1, width]


def test_openvino_alone_drives_as_the_policy_does(make_model, frames, tmp_path):
    metadata = load_metadata("default")
    policy = Policy(make_model(tmp_path / "m", metadata))
    content = graph_of_onnx((tmp_path / "m" / "policy.onnx").read_bytes(), metadata)
    (tmp_path / "model.pb").write_bytes(content)
    compiled = openvino.Core().compile_model(tmp_path / "model.pb", "CPU")
    found = compiled([frames[..., None].astype(np.float32)])[0]
    assert found == pytest.approx(policy._engine(frames), abs=1e-3)
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_the_sensor_in_the_metadata_names_the_input(graph):
    old = replace(load_metadata("default"), sensor="observation")
    first = GraphDef.FromString(graph(old)).node[0]
    assert first.name == "main_level/agent/main/online/network_0/observation/observation"


def test_the_graph_is_what_our_own_reader_takes(graph):
    metadata = load_metadata("sac")
    content = graph(metadata)
    kept = read_graph(content, metadata)
    assert len(kept.node) == len(GraphDef.FromString(content).node)
    assert content == graph(metadata)


def sine():
    """An ONNX file with an operator that we never write."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])]
        for name in ("frame", "action")
    ]
    body = helper.make_graph([helper.make_node("Sin", ["frame"], ["action"])], "sine", *ends)
    return helper.make_model(body).SerializeToString()


@pytest.mark.parametrize("content", [b"no ONNX", sine()])
def test_another_onnx_file_is_told(content):
    with pytest.raises(UserError, match="was not exported by this project"):
        graph_of_onnx(content, load_metadata("default"))
