"""`deepracer export`: a model for the car, and for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    model: Annotated[
        str | None, typer.Argument(help="Name or folder of the model.", show_default="the newest")
    ] = None,
    kind: Annotated[
        Literal["aws-car", "onnx", "openvino"],
        typer.Option(
            "--format",
            help="aws-car: the archive that DeepRacer's car and console take; onnx: the policy "
            "for ONNX runtimes; openvino: .xml and .bin, with the car's tensors.",
        ),
    ] = "aws-car",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file to write; missing folders are made.",
            show_default="MODEL.tar.gz",
        ),
    ] = None,
) -> None:
    """Write a trained model as one file that others read."""
    from deepracer_agent.model import find_model
    from deepracer_agent.model_export import export_model

    folder = find_model(model)
    path = export_model(folder, kind, out)
    weights = f" and {path.with_suffix('.bin')}" if kind == "openvino" else ""
    print(f"Wrote {path}{weights}.")
