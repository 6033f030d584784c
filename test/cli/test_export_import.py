"""`deepracer export` and `deepracer import`, as people type them."""

import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deepracer_agent.car_archive import CarModel, read_car_model, write_archive
from deepracer_cli.export_model import export
from deepracer_cli.import_model import import_
from deepracer_sim.errors import UserError

app = typer.Typer()
app.command("export")(export)
app.command("import")(import_)


def deepracer(*words):
    return CliRunner().invoke(app, words)


def test_a_model_goes_out_and_comes_in(learned):
    out = deepracer("export")
    assert out.exit_code == 0
    assert out.output == "Wrote learned.tar.gz.\n"
    back = deepracer("import", "learned.tar.gz", "--name", "back")
    assert back.exit_code == 0
    assert back.output == "Imported models/back. Drive it: deepracer evaluate back\n"
    assert (learned.parent / "back" / "model.pb").is_file()


def test_odd_metadata_is_told(learned, tmp_path):
    assert deepracer("export", "--out", "odd.tar.gz").exit_code == 0
    model = read_car_model(Path("odd.tar.gz"))
    odd = json.dumps({**json.loads(model.metadata), "name": "odd"}).encode()
    Path("odd.tar.gz").write_bytes(write_archive(CarModel(model.graph, odd), 0))
    told, done = deepracer("import", "odd.tar.gz").output.splitlines()
    assert told == "Note: model_metadata.json: unknown keys are ignored: ['name']."
    assert done.startswith("Imported models/odd.")


def test_formats_and_files_can_be_chosen(learned):
    result = deepracer("export", "learned", "--format", "onnx", "--out", "here/it.onnx")
    assert result.output == "Wrote here/it.onnx.\n"
    assert deepracer("export", "learned", "--format", "tflite").exit_code == 2


def test_both_files_of_openvino_are_told(learned):
    result = deepracer("export", "learned", "--format", "openvino", "--out", "here/it.xml")
    assert result.output == "Wrote here/it.xml and here/it.bin.\n"
    assert {path.name for path in Path("here").iterdir()} == {"it.xml", "it.bin"}


def test_where_openvino_is_missing_the_export_says_what_it_needs(learned, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    result = deepracer("export", "learned", "--format", "openvino")
    assert str(result.exception) == (
        "this needs the Python package openvino, which is not installed: pip install openvino"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["export", "nobody"], "There is no model 'nobody'"),
        (["import", "nothing.tar.gz"], "No such file"),
        (["import", "models/learned/policy.onnx"], r"no \.tar\.gz archive"),
        (["import", "x.tar.gz", "--name", "a/b"], "cannot name a model"),
        (["import", "x.tar.gz", "--name", ".."], "cannot name a model"),
        (["import", "x.tar.gz", "--name", ""], "cannot name a model"),
        (["import", "x.tar.gz", "--name", "x" * 300], "cannot name a model"),
        (["import", "x" * 300 + ".tar.gz"], "cannot be read"),
        (["import", "x.tar.gz", "--name", "learned"], "exists already"),
    ],
)
def test_mistakes_are_told(learned, words, told):
    result = deepracer(*words)
    assert isinstance(result.exception, UserError)
    with pytest.raises(UserError, match=told):
        raise result.exception
