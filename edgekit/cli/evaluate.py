"""``edgekit evaluate``: what a file lost against its source model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.complete import data_names
from edgekit.cli.options import (
    code_options,
    layers_option,
    metric_option,
    output_option,
    print_plain,
    run_options,
    shapes_option,
    show,
)

if TYPE_CHECKING:
    from edgekit.evaluation import EvaluationResult
    from edgekit.pipeline.options import Options

_MOST_LAYERS = 10


@click.command("evaluate")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--against", type=click.Path(path_type=Path), required=True, metavar="MODEL",
              help="The source model: .keras, .h5 or a SavedModel folder.")  # fmt: skip
@click.option("--data", required=True, metavar="DATA", shell_complete=data_names,
              help="Samples, with labels for --metric: .npz, .npy, .csv, a folder of pictures, "
              "module:function, or a profile.")  # fmt: skip
@metric_option
@layers_option
@output_option
@shapes_option
@click.option("--evaluate-samples", type=click.IntRange(min=1), metavar="N",
              help="Use only N samples.")  # fmt: skip
@code_options
@run_options
def command(artifact: Path, against: Path, data: str, as_json: bool, **given: Any) -> None:
    """Compare the file ARTIFACT with its source model, sample by sample.

    ARTIFACT is any .tflite, OpenVINO .xml or .onnx, also one that edgekit did not make. It runs in
    its own runtime. Without --metric: share of equal answers, and output SQNR.
    """
    from edgekit.evaluation import evaluate_artifact
    from edgekit.files import all_scratch
    from edgekit.quiet import quiet
    from edgekit.report.terminal.progress import progress

    hidden = as_json or given["silent"]
    with all_scratch(), quiet() as real, progress(None if hidden else real.err) as told:
        found = evaluate_artifact(
            artifact, against, data=data, options=_options(given),
            cache=not given["no_cache"], progress=told,
        )  # fmt: skip
    if as_json:
        print_plain(found)
    else:
        _print(found)


def _options(given: dict[str, Any]) -> Options:
    from edgekit.pipeline.options import Options

    return Options(
        metric=given["metric"],
        output=given["output"],
        samples=given["evaluate_samples"],
        layers=given["layers"],
        input_shapes=dict(given["input_shapes"]),
        custom_objects=given["custom_objects"],
        allow_code=given["allow_code"],
    )


def _print(found: EvaluationResult) -> None:
    from edgekit.report.terminal.evaluation import evaluation

    show(
        evaluation(found.evaluation, found.layers, title=f"{found.artifact} against {found.source}",
                   data=found.data, notes=found.notes, most=_MOST_LAYERS)
    )  # fmt: skip
