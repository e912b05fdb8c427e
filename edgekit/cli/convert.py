"""``edgekit convert``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.complete import data_names, target_names
from edgekit.cli.options import (
    NamesType,
    code_options,
    layers_option,
    metric_option,
    option,
    output_option,
    recipe_of,
    recipe_options,
    run_options,
    shapes_option,
)
from edgekit.cli.recording import Recorder, recording_options
from edgekit.pipeline.command import FLAGS

if TYPE_CHECKING:
    from edgekit.pipeline.options import Options


EXAMPLES = """\b
Examples:
  edgekit convert model.keras -t tflite-int8 -c train.npz -e test.npz -m top1
  edgekit convert model.keras -t tflite-int8 --recipe qat --train train.npz -e test.npz -m top1
  edgekit convert --from out/model/tflite-int8/manifest.json
"""


@click.command("convert", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.option("-t", "--target", "targets", multiple=True, metavar="NAME",
              shell_complete=target_names,
              help="What to make: a name that `edgekit targets` lists, or a TOML file of "
              "your own. Repeatable.")  # fmt: skip
@click.option("--from", "manifest", type=click.Path(path_type=Path), metavar="MANIFEST",
              help="Make the files of a manifest.json again; it says all the rest.")  # fmt: skip
@option("calibration", "-c", metavar="DATA", shell_complete=data_names,
        help="Samples that the model was trained on, or like them; int8 and int16 "
        "targets need some: .npz, .npy, .csv, a folder of pictures, module:function, "
        "or a profile.")  # fmt: skip
@option("evaluation", "-e", metavar="DATA", shell_complete=data_names,
        help="Other samples, to compare model and file on; in the same forms, with labels "
        "for --metric.")  # fmt: skip
@metric_option
@recipe_options
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), default=Path("out"),
              metavar="FOLDER", show_default=True,
              help="Results go to FOLDER/<model>/<target>.")  # fmt: skip
@option("samples", type=int, metavar="N",
        help="Calibrate on N samples.  [default: 300, or what a profile says]")  # fmt: skip
@option("estimator", metavar="NAME", default="auto", show_default=True,
        help="How ranges are taken: min-max, moving-average, percentile, entropy, mse; "
        "auto tries all and keeps the one that agrees best with the model.")  # fmt: skip
@shapes_option
@option("dynamic_batch", is_flag=True, help="Leave the batch size open (OpenVINO, ONNX).")
@option("scale", type=float, metavar="X", help="Multiply all values of the data by X.")
@option("offset", type=float, metavar="X", help="Then add X to them.")
@output_option
@layers_option
@click.option(
    FLAGS["measure"], "no_measure", is_flag=True, help="Do not measure latency and memory."
)
@option("thumbnails", is_flag=True,
        help="Let the HTML report show small pictures of the evaluation samples whose answer "
        "changed; without, none leave the data.")  # fmt: skip
@option("class_names", type=NamesType(), metavar="NAMES", default=(),
        help="What the HTML report calls the classes: a text file with one name a line, or names "
        "with commas between.  [default: as folders of pictures or a table say]")  # fmt: skip
@click.option(FLAGS["html"], "no_html", is_flag=True, help="Do not write report.html.")
@option("threads", type=int, metavar="N", default=1, show_default=True,
        help="Threads of the file's runtime, to evaluate and to measure.")  # fmt: skip
@option("seed", type=int, metavar="N",
        help="Of every random choice.  [default: 0, or what a profile says]")  # fmt: skip
@code_options
@recording_options
@run_options
@click.pass_context
def command(
    context: click.Context, /, model: Path | None, manifest: Path | None, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Turn the Keras model MODEL into checked files, one for each target.

    MODEL is a .keras or .h5 file or a SavedModel folder; it is never changed.
    """
    from edgekit.errors import EdgekitError
    from edgekit.files import all_scratch
    from edgekit.quiet import quiet

    _refuse_clash(context, model, manifest)
    recorder = Recorder(given["history"], given["mlflow"])
    hidden, missed = as_json or given["silent"], None
    try:
        with all_scratch(), quiet() as real, _prefetched(model, given):
            conversion = _convert(model, manifest, given, None if hidden else real.err)
    except EdgekitError as error:
        if error.conversion is None:
            raise
        missed, conversion = error, error.conversion
    if as_json:
        from edgekit.report.documents import written_together

        failures = {one.target: str(one.error) for one in conversion.failures}
        click.echo(written_together(conversion.reports, failures), nl=False)
    else:
        _show(conversion)
    recorder.finish(conversion.reports, conversion.folders, missed=missed, silent=as_json)


def _convert(model: Path | None, manifest: Path | None, given: dict[str, Any], told: Any) -> Any:
    from edgekit import api
    from edgekit.report.terminal.progress import progress as listening

    out, cache = given["out"], not given["no_cache"]
    with listening(told) as progress:
        if manifest is not None:
            return api.reconvert(
                manifest, model=model, calibration=given["calibration"],
                evaluate=given["evaluation"], train=given["train"],
                measure=not given["no_measure"], html=not given["no_html"], out=out, cache=cache,
                progress=progress,
            )  # fmt: skip
        options = options_of(given)
        return api.convert(
            model, given["targets"], out=out, options=options, cache=cache, progress=progress
        )


def _prefetched(
    model: Path | None, given: dict[str, Any]
) -> contextlib.AbstractContextManager[None]:
    """Begin to load TensorFlow, unless the cache is likely to have everything.

    Nothing but time depends on the guess. Loading holds up every other library meanwhile.
    """
    from edgekit.startup import prefetched_tensorflow

    if model is not None and not given["no_cache"] and _is_made(model, given):
        return contextlib.nullcontext()
    return prefetched_tensorflow()


def _is_made(model: Path, given: dict[str, Any]) -> bool:
    """Whether there are results that are newer than the model."""
    from edgekit.files import MARKER

    places = [given["out"] / model.stem / Path(name).stem / MARKER for name in given["targets"]]
    try:
        since = model.stat().st_mtime
        return all(place.stat().st_mtime > since for place in places)
    except OSError:
        return False


def _refuse_clash(context: click.Context, model: Path | None, manifest: Path | None) -> None:
    """Refuse --from together with what the manifest says, and half a command without it."""
    if manifest is None:
        if model is None:
            raise click.UsageError("Missing argument 'MODEL' (or give --from MANIFEST).")
        if not context.params["targets"]:
            raise click.UsageError(
                "Missing option '--target' / '-t'; `edgekit targets` lists them."
            )
        return
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _BESIDE_FROM:
            continue
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]} does not go with --from, which says it; leave one out."
            )


# What may be given with --from: none of it shapes an artifact.
_BESIDE_FROM = frozenset(
    {"model", "manifest", "calibration", "evaluation", "train", "out", "no_cache", "no_measure",
     "no_html", "silent", "as_json", "history", "mlflow"}
)  # fmt: skip


def _show(conversion: Any) -> None:
    from rich.console import Console

    from edgekit.report.terminal.conversion import summary

    Console(highlight=False).print(summary(conversion.reports))
    if conversion.page is not None:
        click.echo(f"wrote {conversion.page}")
    for folder in conversion.folders:
        click.echo(f"wrote {folder}")


def options_of(given: dict[str, Any]) -> Options:
    """Return the options of a conversion from the command's parameters."""
    from edgekit.calibrate.preprocessing import PictureOptions
    from edgekit.pipeline.options import Options

    scaling = {k: given[k] for k in ("scale", "offset") if given[k] is not None}
    return Options(
        calibration=given["calibration"],
        evaluation=given["evaluation"],
        metric=given["metric"],
        output=given["output"],
        samples=given["samples"],
        estimator=given["estimator"],
        input_shapes=dict(given["input_shapes"]),
        dynamic_batch=given["dynamic_batch"],
        custom_objects=given["custom_objects"],
        allow_code=given["allow_code"],
        pictures=PictureOptions(**scaling) if scaling else None,
        layers=given["layers"],
        measure=not given["no_measure"],
        thumbnails=given["thumbnails"],
        class_names=given["class_names"],
        html=not given["no_html"],
        threads=given["threads"],
        seed=given["seed"],
        **recipe_of(given),
    )
