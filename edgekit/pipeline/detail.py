"""Gathers what the pictures of a report are drawn from."""

from __future__ import annotations

from edgekit.artifact import Artifact
from edgekit.pipeline.answered import answers, is_picture
from edgekit.pipeline.learn import Evaluated
from edgekit.pipeline.made import Made
from edgekit.pipeline.options import Options
from edgekit.pipeline.spreads import weight_spreads
from edgekit.report.details import Answers, Details
from edgekit.target import Target

MOST_EDGES = 10_000


def gathered(
    artifact: Artifact, target: Target, made: Made, done: Evaluated | None, options: Options,
    edges: tuple[tuple[int, int], ...],
) -> Details:  # fmt: skip
    """Return everything that was learnt on the way, and of the rest why it was not."""
    missing = {}
    if len(edges) > MOST_EDGES:
        missing["graph"] = f"the file joins more than {MOST_EDGES:,} pairs of operators"
    weights, more = weight_spreads(artifact)
    if not weights:
        missing["weights"] = (
            "the target keeps its weights in float"
            if target.quantization.weights.startswith("float")
            else "the file does not keep them beside their scales"
        )
    if not made.activations:
        missing["activations"] = _no_activations(target)
    found: Answers | str = _no_answers()
    if done is not None:
        names = options.class_names
        found = answers(done, thumbnails=options.thumbnails, class_names=names)
    if isinstance(found, str):
        missing["answers"] = found
    else:
        missing |= _not_told(found, done, options)
    return Details(
        artifact_sha256=artifact.sha256,
        edges=edges if len(edges) <= MOST_EDGES else (),
        weights=weights,
        more_weights=more,
        activations=made.activations,
        more_activations=made.more_activations,
        answers=None if isinstance(found, str) else found,
        missing=missing,
    )


def _no_activations(target: Target) -> str:
    if not target.quantization.needs_calibration:
        return "the target takes no ranges: its activations are not stored as integers"
    return (
        "the chosen range estimator keeps no histograms; --estimator auto, percentile, entropy or "
        "mse does, for targets with int8 activations"
    )


def _no_answers() -> str:
    return "nothing was evaluated: give --evaluate with labelled samples and --metric top1"


def _not_told(found: Answers, done: Evaluated | None, options: Options) -> dict[str, str]:
    """Say what is not known of answers."""
    said = {}
    if (why := _no_thumbnails(found, done, options)) is not None:
        said["thumbnails"] = why
    if options.class_names and len(options.class_names) != found.classes:  # of another output
        given = f"--class-names has {len(options.class_names)}"
        said["class_names"] = f"names of the classes: {given}, the model {found.classes} classes"
    elif not found.class_names:
        said["class_names"] = "names of the classes, which the data only number: --class-names FILE"
    return said


def _no_thumbnails(found: Answers, done: Evaluated | None, options: Options) -> str | None:
    flips = (*found.to_wrong, *found.to_right)
    if not flips or done is None or any(flip.thumbnail for flip in flips):
        return None
    if not any(is_picture(spec.shape) for spec in done.samples.inputs):
        return "the model's inputs are no pictures"
    if options.thumbnails:
        return "no sample could be shown"
    return "evaluation samples are kept out of reports unless --thumbnails is given"
