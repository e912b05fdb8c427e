"""Compresses Keras models by the passes of a recipe: the model for its own sake, no other file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy import Evaluation, evaluate, metric
from edgekit.api import merged
from edgekit.artifact import TensorSpec
from edgekit.cache import open_cache, tool_versions
from edgekit.calibrate.lint import Finding
from edgekit.calibrate.samples import Samples
from edgekit.errors import DestinationError, OptionError
from edgekit.files import write_atomically
from edgekit.passes import Simulation
from edgekit.pipeline import assemble, data, learn
from edgekit.pipeline.ask import check_data, pass_objections
from edgekit.pipeline.command import spell
from edgekit.pipeline.compress import Compressed, Job, compressed
from edgekit.pipeline.compressed_workshop import read_compressed
from edgekit.pipeline.convert import name_of
from edgekit.pipeline.knowable import known_by_content
from edgekit.pipeline.lesson import Lesson
from edgekit.pipeline.options import Options, data_objections, recipe_objections
from edgekit.pipeline.plan import Plan, plan
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Progress, Silent
from edgekit.quiet import quiet
from edgekit.report.model import CompressionReport, SourceFacts
from edgekit.shown import shown
from edgekit.source import identify
from edgekit.trace import computing_in_float32
from edgekit.trace.outputs import leaves, outputs_of
from edgekit.trace.shapes import declared
from edgekit.training.ports import ports
from edgekit.version import VERSION

Arrays = Mapping[str, NDArray[Any]]


@shown("compression")
@dataclass(frozen=True, kw_only=True, eq=False)
class Compression:
    """A compressed model, and what is known of it.

    ``simulation`` is what a pass trained the model to be quantized as, which no Keras file holds.
    """

    model: Any
    report: CompressionReport
    simulation: Simulation | None = None


def compress(
    model: Any, recipe: Any, *, train: Any = None, calibration: Any = None, evaluate: Any = None,
    metric: str | None = None, out: str | Path | None = None, options: Options | None = None,
    cache: bool = True, progress: Progress | None = None,
) -> Compression:  # fmt: skip
    """Run the passes of a recipe on a Keras model, on the Keras backend of this process.

    The model and its file are never changed. A single pass is a recipe too:
    ``compress(model, Qat(epochs=3), train=(x, y))``.

    Args:
        model: A ``.keras`` or ``.h5`` file, a SavedModel folder, or a ``keras.Model``.
        recipe: The name of a recipe, a TOML file, a ``Recipe``, a pass, or several passes.
        train: Labelled samples for passes that train: a path, ``module:function``, a profile's
            name, ``(x, y)``, or a function that gives a ``tf.data.Dataset``, a generator or a
            ``keras.utils.PyDataset``.
        calibration: Samples for passes that look at activations; some of ``train`` if left out.
        evaluate: Other labelled samples, to compare the two models on.
        metric: ``top1``, ``top5``, ``auc``, ``mse``, ``mae`` or ``module:function``.
        out: A ``.keras`` file to write, whole or not at all.
        options: Everything else, ``training`` above all; its data give way to the arguments.
        cache: Whether to reuse and keep results, and to go on with training that was killed.
        progress: Who listens to the stages.

    Raises:
        PassError: a pass cannot be run on this model, or failed on it.
        TrainingError: training cannot begin, or went astray.
        SourceError, DataError, OptionError, DestinationError: something given cannot be used.
    """
    chosen = merged(
        options, recipe=recipe, train=train, calibration=calibration, evaluation=evaluate,
        metric=metric,
    )  # fmt: skip
    passes, place = _ask(model, chosen), None if out is None else _checked(Path(out), model)
    with quiet(), open_cache(keep=cache and known_by_content(model, chosen)) as kept:
        shop = Workshop(model, chosen, kept, progress or Silent())
        signature = declared(shop.loaded.model)
        lesson = Lesson(chosen, signature.specs, shop.keeper.progress)
        samples = data.calibration_samples(chosen, signature.specs, lesson, lambda: shop.loaded)
        held = data.evaluation_samples(chosen, signature.specs)
        findings = () if samples is None else data.linted(shop, samples, signature.pack)
        job = Job(
            shop=shop,
            plan=passes,
            lesson=lesson,
            samples=samples,
            seed=assemble.seed_of(chosen, samples),
        )
        made = _made(job, cache=cache)
        found = made.live or read_compressed(made.path, chosen.custom_objects)
        evaluation = None if held is None else _evaluated(shop, found, held)
        if place is not None:
            write_atomically(place, made.path.read_bytes())
        report = _report(job, made, held, findings=findings, evaluation=evaluation)
        return Compression(model=found, report=report, simulation=made.story.simulation)


def _made(job: Job, *, cache: bool) -> Compressed:
    """Run the passes, where killed training goes on if results may be kept."""
    with open_cache(keep=cache) as ground:
        return compressed(replace(job, ground=ground if cache else None))


def _ask(model: Any, options: Options) -> Plan:
    """Object to whatever can be known to fail.

    Raises:
        SourceError, DataError, OptionError: something given cannot be used.
    """
    if isinstance(model, (str, Path)):
        identify(Path(model))
    if options.recipe is None:
        raise OptionError("no recipe: give --recipe NAME; `edgekit recipes` lists them")
    found = plan(options.recipe, options.settings)
    said = [
        *pass_objections(found, options, None),
        *recipe_objections(options),
        *data_objections(options),
    ]
    if said:
        raise OptionError("; ".join(said))
    check_data(options)
    return found


def _checked(out: Path, model: Any) -> Path:
    """Return where to write; refuse what no Keras model may be called, and the source itself.

    Raises:
        DestinationError: see above.
    """
    if out.suffix != ".keras":
        raise DestinationError(f"{out}: expected a file that ends in .keras; rename it")
    if out.is_dir():
        raise DestinationError(f"{out}: expected a file, found a folder; choose another name")
    if isinstance(model, (str, Path)) and out.resolve() == Path(model).resolve():
        raise DestinationError(f"{out} is the source model, which stays as it is; rename the other")
    ground = next(part for part in out.absolute().parents if part.exists())
    if not ground.is_dir() or not os.access(ground, os.W_OK | os.X_OK):
        raise DestinationError(f"{out}: {ground} cannot be written; choose a folder of yours")
    return out


def _evaluated(shop: Workshop, found: Any, samples: Samples) -> Evaluation:
    """Run source and compressed model on the same samples and compare."""
    options, source = shop.options, shop.loaded.model
    first = next(iter(samples.batches(1)))
    names = list(ports(source, [first.inputs[name] for name in samples.names]).outputs)
    with shop.keeper.timed("evaluate", 2 * len(samples)) as bar:
        reference, _ = learn.answers(_caller(source, names), samples, names, tick=bar.advance)
        outputs, labels = learn.answers(_caller(found, names), samples, names, tick=bar.advance)
    return evaluate(
        reference,
        outputs,
        labels,
        metric(options.metric) if options.metric else None,
        output=options.output,
        seed=options.seed or 0,
    )


def _caller(model: Any, names: Sequence[str]) -> Callable[[Arrays], Arrays]:
    import keras

    signature = declared(model)

    def call(inputs: Arrays) -> Arrays:
        tensors = [np.asarray(inputs[s.name]).astype(s.dtype) for s in signature.specs]
        with computing_in_float32(model):
            flat = list(leaves(model(signature.pack(tensors), training=False)))
        arrays = (np.asarray(keras.ops.convert_to_numpy(value)) for _, value in flat)
        return {n: a.astype(np.float32) for n, a in zip(names, arrays, strict=True)}

    return call


def _outputs(model: Any, inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return what a functional model says of its outputs; of a subclassed one nothing is known."""
    inner = getattr(model, "_functional", None) or model
    if not hasattr(inner, "_outputs_struct"):
        return ()
    found = outputs_of(model, inner._outputs_struct, {spec.name for spec in inputs})
    return tuple(
        TensorSpec(
            name=output.name, shape=tuple(output.tensor.shape), dtype=str(output.tensor.dtype)
        )
        for output in found
    )


def _report(
    job: Job, made: Compressed, held: Samples | None, *,
    findings: Sequence[Finding], evaluation: Evaluation | None,
) -> CompressionReport:  # fmt: skip
    facts = assemble.compression_facts(job.plan, made)
    if facts is None:
        raise RuntimeError("a recipe was run, and there are no facts on it")
    shop, options, loaded = job.shop, job.shop.options, job.shop.loaded
    return CompressionReport(
        edgekit=VERSION,
        source=SourceFacts(
            name=name_of(shop.given),
            sha256=shop.sha256,
            origin=assemble.origin_of(shop.given),
            kind=loaded.kind,
            parameters=loaded.parameters,
            size_bytes=assemble.size_of(shop.given),
            inputs=job.lesson.inputs,
            outputs=_outputs(loaded.model, job.lesson.inputs),
            mends=loaded.mends,
        ),
        options={
            **assemble.data_options(options, job.samples, held),
            **assemble.recipe_options(options, job.lesson),
        },
        compression=facts,
        passes=made.story.passes,
        evaluation=evaluation,
        evaluation_data=held.origin if held is not None else None,
        warnings=(*(f"{finding.code}: {finding.text}" for finding in findings), *_warnings(made)),
        tools=tool_versions(),
        command=spell(shop.given, None, options),
        stages=tuple(shop.keeper.stages),
    )


def _warnings(made: Compressed) -> tuple[str, ...]:
    if made.story.simulation is None:
        return ()
    return (
        "the ranges that the model was trained for are in no Keras file: "
        "`edgekit convert` with the same recipe writes files that have them",
    )
