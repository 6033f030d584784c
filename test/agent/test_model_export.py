"""Models go out: the archive of the car is in test_model_import.py, with the way back."""

import numpy as np
import openvino
import pytest

from deepracer_agent.actions import load_metadata
from deepracer_agent.model_export import export_model
from deepracer_agent.policy import Policy
from deepracer_sim.errors import UserError


def test_onnx_goes_out_as_it_is(make_model, tmp_path):
    folder = make_model(tmp_path / "m", load_metadata("default"))
    out = export_model(folder, "onnx", tmp_path / "m.onnx")
    assert out.read_bytes() == (folder / "policy.onnx").read_bytes()


def test_openvino_goes_out_with_the_cars_tensors(make_model, frames, tmp_path):
    folder = make_model(tmp_path / "m", load_metadata("continuous"))
    out = export_model(folder, "openvino", tmp_path / "m.xml")
    compiled = openvino.Core().compile_model(out, "CPU")
    assert list(compiled.inputs[0].shape) == [1, 120, 160, 1]
    found = [compiled([frame[None, ..., None].astype(np.float32)])[0][0] for frame in frames]
    assert np.array(found) == pytest.approx(Policy(folder).act(frames), abs=1e-3)
    assert {path.name for path in tmp_path.iterdir()} == {"m", "m.xml", "m.bin"}


def test_what_cannot_go_out_is_told(make_model, tmp_path):
    folder = make_model(tmp_path / "m", load_metadata("default"))
    with pytest.raises(UserError, match=r"ends in \.tar\.gz"):
        export_model(folder, "aws-car", tmp_path / "m.zip")
    (folder / "policy.onnx").unlink()
    with pytest.raises(UserError, match="holds no trained policy"):
        export_model(folder, "aws-car", tmp_path / "m.tar.gz")
    assert not list(tmp_path.glob("m.*"))


def test_a_disk_that_refuses_is_told(make_model, tmp_path):
    folder = make_model(tmp_path / "m", load_metadata("default"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot write"):
        export_model(folder, "aws-car", tmp_path / "file" / "m.tar.gz")
