"""Compares any artifact with a source model, on data of the user's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy import Evaluation, LayerErrors, evaluate, metric
from edgekit.artifact import Artifact, TensorSpec
from edgekit.cache import open_cache
from edgekit.calibrate.samples import Samples
from edgekit.calibrate.sources import open_samples
from edgekit.errors import ArtifactError, OptionError, TraceError
from edgekit.pipeline.child import ask_child, foreign_backend, serve
from edgekit.pipeline.knowable import known_by_content
from edgekit.pipeline.labels import check_labels
from edgekit.pipeline.learn import answers, tensor_errors
from edgekit.pipeline.options import Options
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Progress, Silent
from edgekit.quiet import quiet
from edgekit.report.plain import from_plain, to_plain
from edgekit.shown import shown
from edgekit.trace.shapes import declared
from edgekit.version import VERSION

SCHEMA = 1
Arrays = Mapping[str, NDArray[Any]]


@shown("evaluation")
@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """An artifact, the source model that it was held against, and what came out."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    artifact: str
    artifact_sha256: str
    source: str
    source_sha256: str
    data: str
    evaluation: Evaluation
    layers: LayerErrors | None = None
    notes: tuple[str, ...] = ()


def evaluate_artifact(
    artifact: str | Path | Artifact, against: Any, *, data: Any,
    options: Options | None = None, cache: bool = True, progress: Progress | None = None,
) -> EvaluationResult:  # fmt: skip
    """Run an artifact, in its own runtime, and its source model on the same samples, and compare.

    The artifact may be any TFLite, OpenVINO or ONNX file: one that edgekit did not make is matched
    by shapes, then by order, where its names are others.

    Args:
        artifact: The file, or what describes it.
        against: The source model: a path or a ``keras.Model``.
        data: Samples, with labels for a metric; as ``calibrate.sources.open_samples`` takes them.
        options: ``metric``, ``output``, ``layers``, ``samples`` (how many to use; None is all),
            ``input_shapes``, ``custom_objects``, ``allow_code``, ``pictures``, ``threads`` and
            ``seed`` count.
        cache: Whether the source model's trace and outputs are kept for later runs.
        progress: Who listens to the stages.

    Raises:
        ArtifactError: the file cannot be read or run, or is of another model.
        SourceError, DataError, OptionError, MissingExtra: model, data or options cannot be used.
    """
    chosen = options or Options()
    if foreign_backend() is not None:
        return _elsewhere(artifact, against, data, chosen, keep=cache)
    scored = metric(chosen.metric) if chosen.metric else None
    with quiet(), open_cache(keep=cache and known_by_content(against, chosen)) as kept:
        found = artifact if isinstance(artifact, Artifact) else runtimes.describe(artifact)
        shop = _workshop(Workshop(against, chosen, kept, progress or Silent()), found)
        samples = open_samples(
            data, shop.facts.inputs, count=chosen.samples, seed=chosen.seed, options=chosen.pictures
        )
        shop.witness = samples
        check_labels(samples, chosen.metric)
        ends = _Ends.of(shop, found)
        reference = shop.reference(samples, "reference")
        outputs, labels = _run(shop, found, samples, ends)
        return EvaluationResult(
            artifact=str(found.path),
            artifact_sha256=found.sha256,
            source=str(against) if isinstance(against, (str, Path)) else shop.facts.name,
            source_sha256=shop.sha256,
            data=samples.origin,
            evaluation=evaluate(
                reference, outputs, labels, scored, output=chosen.output, seed=chosen.seed or 0
            ),
            layers=_layers(shop, found, samples, ends) if chosen.layers else None,
            notes=ends.notes,
        )


def _elsewhere(
    artifact: str | Path | Artifact, against: Any, data: Any, options: Options, *, keep: bool
) -> EvaluationResult:
    """Compare in a process whose Keras runs on TensorFlow."""
    path = artifact.path if isinstance(artifact, Artifact) else artifact
    bare = replace(options, calibration=None, evaluation=None)
    job = {"artifact": str(path), "keep": keep}
    answer = ask_child(f"{__name__}:in_child", against, {"data": data}, bare, job)
    return from_plain(answer["evaluation"], EvaluationResult, where="the evaluation")


def in_child() -> None:
    """Compare, as another process asks on stdin."""
    serve(_compare)


def _compare(
    job: Mapping[str, Any], against: Any, data: Mapping[str, Any], options: Options
) -> dict[str, Any]:
    found = evaluate_artifact(
        job["artifact"], against, data=data["data"], options=options, cache=job["keep"]
    )
    return {"evaluation": to_plain(found)}


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """The artifact's name of each input and output of the model."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, shop: Workshop, artifact: Artifact) -> _Ends:
        inputs, by_input = _paired("inputs", shop.facts.inputs, artifact.inputs, artifact)
        outputs, by_output = _paired("outputs", shop.facts.outputs, artifact.outputs, artifact)
        return cls(inputs=inputs, outputs=outputs, notes=(*by_input, *by_output))


def _paired(
    what: str, wanted: Sequence[TensorSpec], offered: Sequence[TensorSpec], artifact: Artifact
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Pair the model's ends with the artifact's by name, else by shape, else in order."""
    names, theirs = [spec.name for spec in wanted], [spec.name for spec in offered]
    if set(names) == set(theirs):
        return {name: name for name in names}, ()
    alike = [[o.name for o in offered if _fits(spec.shape, o.shape)] for spec in wanted]
    if len(names) != len(theirs) or not all(alike):
        shown = [f"{spec.name} {list(spec.shape)}" for spec in offered]
        raise ArtifactError(
            f"{artifact.path}: expected {what} like the model's "
            f"{[f'{spec.name} {list(spec.shape)}' for spec in wanted]}, got {shown}; "
            "is the file made from this model?"
        )
    unique = all(len(found) == 1 for found in alike) and len({f[0] for f in alike}) == len(alike)
    if unique:
        return {name: found[0] for name, found in zip(names, alike, strict=True)}, ()
    if any(t not in found for t, found in zip(theirs, alike, strict=True)):
        raise ArtifactError(
            f"{artifact.path}: its {what} {theirs} cannot be told apart as the model's {names}; "
            "export it with the Keras names"
        )
    note = f"{what} {theirs} were taken for {names}, in order: the names differ"
    return dict(zip(names, theirs, strict=True)), (note,)


def _fits(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    return len(one) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(one[1:], other[1:], strict=True)
    )


def _workshop(shop: Workshop, artifact: Artifact) -> Workshop:
    """Fix what is unknown of the model's shapes to those of the artifact."""
    try:
        _ = shop.signature
    except (OptionError, TraceError):  # a dimension is unknown, or every input is
        shapes = {**_known_shapes(shop.loaded.model, artifact), **shop.options.input_shapes}
        options = replace(shop.options, input_shapes=shapes)
        shaped = Workshop(shop.given, options, shop.keeper.cache, shop.keeper.progress)
        shaped.loaded = shop.loaded
        _ = shaped.signature
        return shaped
    return shop


def _known_shapes(model: Any, artifact: Artifact) -> dict[str, tuple[int, ...]]:
    """Return the artifact's static shapes by the model's names, or by its own if that has none."""
    known = {
        spec.name: (1, *(size or 1 for size in spec.shape[1:]))
        for spec in artifact.inputs
        if spec.shape and None not in spec.shape[1:]
    }
    try:
        wanted = declared(model).specs
    except TraceError:  # never built
        return known
    pairs, _ = _paired("inputs", wanted, artifact.inputs, artifact)
    return {name: known[theirs] for name, theirs in pairs.items() if theirs in known}


def _run(
    shop: Workshop, artifact: Artifact, samples: Samples, ends: _Ends
) -> tuple[dict[str, NDArray[Any]], Any]:
    """Return the artifact's outputs under the model's names, and labels."""
    runner = runtimes.open_runner(artifact, threads=shop.options.threads)

    def run(inputs: Arrays) -> Arrays:
        found = runner.run({ends.inputs[name]: array for name, array in inputs.items()})
        return {name: found[theirs] for name, theirs in ends.outputs.items()}

    with shop.keeper.timed("evaluate", len(samples)) as bar:
        return answers(run, samples, list(ends.outputs), tick=bar.advance)


def _layers(shop: Workshop, artifact: Artifact, samples: Samples, ends: _Ends) -> LayerErrors:
    """Compare tensors with those of the float file that edgekit writes in the same format."""
    baseline = shop.float_artifact(artifact.format)
    with shop.keeper.timed("layers"):
        return tensor_errors(baseline, artifact, samples, inputs=ends.inputs)
