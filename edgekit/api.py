"""The functions that scripts and the command line share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.errors import BudgetMissed, DigestMismatch, EdgekitError, Missed, PromiseBroken
from edgekit.pipeline.again import read_order, refuse_different
from edgekit.pipeline.ask import resolve
from edgekit.pipeline.convert import Conversion, run
from edgekit.pipeline.options import Options
from edgekit.progress import Progress
from edgekit.target import Target

Targets = str | Target | Sequence[str | Target]


def convert(
    model: Any, target: Targets, *, out: str | Path = "out", calibration: Any = None,
    evaluate: Any = None, metric: str | None = None, recipe: Any = None, train: Any = None,
    options: Options | None = None, cache: bool = True, progress: Progress | None = None,
) -> Conversion:  # fmt: skip
    """Turn a Keras model into checked files, one folder ``out/<model>/<target>`` a target.

    A folder appears whole or not at all. The model and its file are never changed. Source and
    artifact are compared on held-back calibration samples and, with ``evaluate``, on labelled data.

    Args:
        model: A ``.keras`` or ``.h5`` file, a SavedModel folder, or a ``keras.Model``.
        target: Name, TOML path or ``Target``; or several, which share load, trace and calibration.
        out: The folder that ``<model>/<target>`` goes into.
        calibration: Samples to take ranges from: a path, ``module:function``, a profile's name,
            an array, a dict of arrays by input name, ``(x, y)``, or a callable.
        evaluate: Labelled samples, in the same forms.
        metric: ``top1``, ``top5``, ``auc``, ``mse``, ``mae`` or ``module:function``.
        recipe: Passes that the model goes through first, for all targets: the name of a recipe, a
            TOML file, a ``Recipe``, or passes.
        train: Labelled samples for passes that train; see ``edgekit.compress``. Calibration samples
            are taken from there if none are given.
        options: Everything else; its own data and metric give way to the arguments.
        cache: Whether to reuse and keep the results of stages.
        progress: Who listens to the stages.

    Raises:
        PromiseBroken: an artifact is not what its target promises. It was written, with its report.
        BudgetMissed: a figure is beyond the target's budget. The artifact was written.
        SourceError, DataError, OptionError, MissingExtra, TraceError, ExportError, QuantizeError,
        DestinationError: nothing was written for the target concerned.
    """
    chosen = merged(
        options, calibration=calibration, evaluation=evaluate, metric=metric, recipe=recipe,
        train=train,
    )  # fmt: skip
    conversion = run(model, resolve(target), Path(out), chosen, keep=cache, progress=progress)
    raise_for_missed(conversion)
    return conversion


def reconvert(
    manifest: str | Path, *, model: str | Path | None = None, calibration: Any = None,
    evaluate: Any = None, train: Any = None, measure: bool = True, html: bool = True,
    out: str | Path = "out", cache: bool = True, progress: Progress | None = None,
) -> Conversion:  # fmt: skip
    """Make the files of a manifest again, from the same source, with the same options.

    Args:
        manifest: A ``manifest.json``, or its folder.
        model: Where the source model is now, if it has moved.
        calibration: Where its calibration data are now, if they have moved.
        evaluate: Where its evaluation data are now, if they have moved.
        train: Where its training data are now, if they have moved.
        measure: Whether to measure latency again, if it was measured.
        html: Whether to write ``report.html``.
        out: The folder that ``<model>/<target>`` goes into.
        cache: Whether to reuse and keep the results of stages.
        progress: Who listens to the stages.

    Raises:
        DigestMismatch: the files are not the same, byte for byte. They were written.
        SourceError: the source model is missing, or another one than the manifest's.
        EdgekitError: whatever ``convert`` raises.
    """
    order = read_order(
        manifest, model=model, calibration=calibration, evaluation=evaluate, train=train
    )
    options = replace(order.options, measure=order.options.measure and measure, html=html)
    conversion = run(
        order.model, (order.manifest.target,), Path(out), options, keep=cache, progress=progress
    )
    raise_for_missed(conversion)
    try:
        refuse_different(order, conversion)
    except DigestMismatch as error:
        error.conversion = conversion
        raise
    return conversion


def raise_for_missed(conversion: Conversion) -> None:
    """Raise if a target could not be made, or a promise or a budget was missed.

    The error's ``conversion`` holds what was handed over.

    Raises:
        ExportError, QuantizeError, MissingExtra: a target could not be made; the text names all.
        PromiseBroken: some promise was broken; the text names target, operators and layers.
        BudgetMissed: every promise was kept, and a budget was not.
    """
    if conversion.failures:
        text = " | ".join(f"{f.target}: {f.error}" for f in conversion.failures)
        kind = type(conversion.failures[0].error)
        failed = EdgekitError.__new__(kind)
        failed.args, failed.conversion = (text,), conversion
        raise failed
    for missed, said in (
        (PromiseBroken, [(r.target.name, r.broken_promises) for r in conversion.reports]),
        (BudgetMissed, [(r.target.name, r.missed_budgets) for r in conversion.reports]),
    ):
        lines = [f"{name}: {'; '.join(texts)}" for name, texts in said if texts]
        if lines:
            error: Missed = missed(" | ".join(lines))
            error.conversion = conversion
            raise error


def merged(options: Options | None, **given: Any) -> Options:
    """Return options in which what is given, and not None, replaces what they say."""
    return replace(options or Options(), **{k: v for k, v in given.items() if v is not None})
