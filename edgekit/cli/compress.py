"""``edgekit compress``: a Keras model through the passes of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.complete import data_names
from edgekit.cli.options import (
    code_options,
    metric_option,
    option,
    output_option,
    print_plain,
    recipe_of,
    recipe_options,
    run_options,
    show,
)

if TYPE_CHECKING:
    from edgekit.compression import Compression
    from edgekit.pipeline.options import Options

EXAMPLES = """\b
Examples:
  edgekit compress model.keras --recipe prune-50 --train train.npz -o smaller.keras
  edgekit compress model.keras --recipe mine.toml --train data:train --epochs 5
"""


@click.command("compress", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path))
@recipe_options
@option("calibration", "-c", metavar="DATA", shell_complete=data_names,
        help="Samples for passes that look at activations.  [default: some of "
        "--train]")  # fmt: skip
@option("samples", type=int, metavar="N", help="Calibrate on N samples.  [default: 300]")
@option("evaluation", "-e", metavar="DATA", shell_complete=data_names,
        help="Other samples, to compare both models on; with labels for --metric.")  # fmt: skip
@metric_option
@output_option
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), metavar="FILE",
              help="Where the compressed model goes.  [default: MODEL-RECIPE.keras, "
              "here]")  # fmt: skip
@option("scale", type=float, metavar="X", help="Multiply all values of the data by X.")
@option("offset", type=float, metavar="X", help="Then add X to them.")
@option("seed", type=int, metavar="N",
        help="Of every random choice.  [default: 0, or what a profile says]")  # fmt: skip
@code_options
@run_options
def command(model: Path, out: Path | None, as_json: bool, **given: Any) -> None:
    """Run the passes of a recipe on the Keras model MODEL, and write a Keras model.

    MODEL is a .keras or .h5 file or a SavedModel folder; it is never changed. What comes out is a
    plain .keras file, which loads without edgekit. `edgekit convert` with the same options makes
    TFLite, OpenVINO and ONNX files of it.
    """
    from edgekit.compression import compress
    from edgekit.files import all_scratch
    from edgekit.quiet import quiet
    from edgekit.report.terminal.progress import progress

    if given["recipe"] is None:
        raise click.UsageError("Missing option '--recipe'; `edgekit recipes` lists them.")
    place = out or Path(f"{model.stem}-{Path(given['recipe']).stem}.keras")
    hidden = as_json or given["silent"]
    with all_scratch(), quiet() as real, progress(None if hidden else real.err) as told:
        found = compress(
            model, None, options=_options(given), out=place, cache=not given["no_cache"],
            progress=told,
        )  # fmt: skip
    _print(found, place, as_json=as_json)


def _options(given: dict[str, Any]) -> Options:
    from edgekit.calibrate.preprocessing import PictureOptions
    from edgekit.pipeline.options import Options

    scaling = {k: given[k] for k in ("scale", "offset") if given[k] is not None}
    return Options(
        calibration=given["calibration"],
        evaluation=given["evaluation"],
        metric=given["metric"],
        output=given["output"],
        samples=given["samples"],
        custom_objects=given["custom_objects"],
        allow_code=given["allow_code"],
        pictures=PictureOptions(**scaling) if scaling else None,
        seed=given["seed"],
        **recipe_of(given),
    )


def _print(found: Compression, place: Path, *, as_json: bool) -> None:
    if as_json:
        print_plain(found.report)
        return

    from edgekit.report.terminal.compression import compression

    show(compression(found.report))
    click.echo(f"wrote {place}")
