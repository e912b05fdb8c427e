"""``edgekit convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgekit.cli.options import json_option


class ShapeType(click.ParamType):  # type: ignore[type-arg]
    """``name=1,224,224,3``."""

    name = "name=shape"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[int, ...]]:
        """Return the name and the shape."""
        name, _, text = str(value).rpartition("=")
        try:
            shape = tuple(int(size) for size in text.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            self.fail(f"{value!r}: expected NAME=1,224,224,3", param, ctx)
        return name, shape


@click.command("convert")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-t", "--target", "targets", multiple=True, required=True, metavar="NAME",
              help="A name from `edgekit targets`, or a TOML file. Repeatable.")  # fmt: skip
@click.option("-c", "--calibration", metavar="DATA",
              help="Samples to take ranges from: .npz, .npy, .csv, a folder of pictures, "
              "module:function, or the name of a profile.")  # fmt: skip
@click.option("-e", "--evaluate", "evaluation", metavar="DATA",
              help="Samples (with labels) to compare source and file on; same forms.")  # fmt: skip
@click.option("-m", "--metric", help="top1, top5, auc, mse, mae, or module:function.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("out"),
              show_default=True, help="Results go to OUT/<model>/<target>.")  # fmt: skip
@click.option("--samples", type=int, help="How many calibration samples to use.  [default: 300]")
@click.option("--estimator", default="auto", show_default=True,
              help="Range estimator: min-max, moving-average, percentile, entropy, mse; "
              "auto tries all and keeps the best.")  # fmt: skip
@click.option("--input-shape", "shapes", type=ShapeType(), multiple=True,
              help="Fix an unknown dimension, as in image=1,224,224,3. Repeatable.")  # fmt: skip
@click.option("--dynamic-batch", is_flag=True, help="Leave the batch open (openvino, onnx).")
@click.option("--scale", type=float, help="Multiply every input value by this …")
@click.option("--offset", type=float, help="… and add this.")
@click.option("--output-name", metavar="NAME", help="The output that the metric is for.")
@click.option("--layers", is_flag=True, help="Report the error layer by layer.")
@click.option("--no-measure", is_flag=True, help="Do not measure latency and memory.")
@click.option("--threads", type=int, default=1, show_default=True, help="For measuring.")
@click.option("--seed", type=int, help="Of every random choice.  [default: 0]")
@click.option("--custom-objects", multiple=True, metavar="MODULE:NAME",
              help="A custom layer or function that the model uses. Repeatable.")  # fmt: skip
@click.option("--allow-code", is_flag=True, help="Run code that the model file brings (Lambda).")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep results of earlier runs.")
@click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")
@json_option
def command(model: Path, targets: tuple[str, ...], as_json: bool, **given: Any) -> None:
    r"""Turn the Keras model MODEL into checked files, one for each target.

    \b
    edgekit convert model.keras -t tflite-int8 -c train.npz -e test.npz -m top1
    """
    from edgekit.api import raise_for_missed
    from edgekit.pipeline.ask import resolve
    from edgekit.pipeline.convert import run
    from edgekit.quiet import quiet
    from edgekit.report.document import documents
    from edgekit.report.progress import progress as listening

    options = _options(given)
    with quiet() as real, listening(None if as_json or given["silent"] else real.err) as progress:
        conversion = run(
            model, resolve(targets), given["out"], options,
            keep=not given["no_cache"], progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(documents(conversion.reports))
    else:
        _show(conversion)
    raise_for_missed(conversion)


def _show(conversion: Any) -> None:
    from rich.console import Console

    from edgekit.report.terminal import summary

    Console(highlight=False).print(summary(conversion.reports))
    for folder in conversion.folders:
        click.echo(f"wrote {folder}")


def _options(given: dict[str, Any]) -> Any:
    from edgekit.calibrate.preprocessing import PictureOptions
    from edgekit.pipeline.options import Options

    scaling = {k: given[k] for k in ("scale", "offset") if given[k] is not None}
    return Options(
        calibration=given["calibration"],
        evaluation=given["evaluation"],
        metric=given["metric"],
        output=given["output_name"],
        samples=given["samples"],
        estimator=given["estimator"],
        input_shapes=dict(given["shapes"]),
        dynamic_batch=given["dynamic_batch"],
        custom_objects=given["custom_objects"],
        allow_code=given["allow_code"],
        pictures=PictureOptions(**scaling) if scaling else None,
        layers=given["layers"],
        measure=not given["no_measure"],
        threads=given["threads"],
        seed=given["seed"],
    )
