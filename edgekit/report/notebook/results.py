"""What is shown of a conversion, an evaluation and a compression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from edgekit.accuracy import Evaluation, LayerErrors
from edgekit.report import text
from edgekit.report.model import CompressionReport, Report
from edgekit.report.notebook.table import Page, Table, bars, noted, table
from edgekit.report.notes import notes

_MOST_LAYERS = 10
_MOST_LINE = 2000


class Reported(Protocol):
    """What a conversion handed over."""

    @property
    def reports(self) -> tuple[Report, ...]:
        """A report for each target."""

    @property
    def failures(self) -> tuple[Any, ...]:
        """Targets that could not be made: ``target`` and ``error``."""


class Evaluated(Protocol):
    """What came of an evaluation."""

    @property
    def artifact(self) -> str:
        """The file."""

    @property
    def source(self) -> str:
        """The model that it was held against."""

    @property
    def data(self) -> str:
        """On which samples."""

    @property
    def evaluation(self) -> Evaluation:
        """The figures."""

    @property
    def layers(self) -> LayerErrors | None:
        """The error layer by layer."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to look out for."""


class Compressed(Protocol):
    """What a recipe made."""

    @property
    def report(self) -> CompressionReport:
        """All that is known of it."""


def conversion(result: Reported) -> Page:
    """Show a row for each target, and what to look out for."""
    reports = result.reports
    sizes = bars(
        [float(one.artifact.size_bytes) for one in reports],
        [text.kib(one.artifact.size_bytes) for one in reports],
    )
    taken = [one.latency.artifact.median_ms if one.latency else None for one in reports]
    times = bars(taken, ["" if one is None else text.milliseconds(one) for one in taken])
    rows = [
        (one.target.name, sizes[at], text.kib(one.artifact.float_size_bytes), _accuracy(one),
         times[at], _float_latency(one), one.verdict)
        for at, one in enumerate(reports)
    ]  # fmt: skip
    heading = ("target", "size", "float file", "accuracy", "latency here", "float file", "verdict")
    names = dict.fromkeys(one.source.name for one in reports)
    failed = [("fail", f"{one.target}: {one.error}") for one in result.failures]
    return Page(
        title=text.visible(", ".join(names) or "nothing was made"),
        lines=tuple(dict.fromkeys(f"{one.source.parameters:,} parameters" for one in reports)),
        tables=(table("", heading, rows),) if rows else (),
        notes=noted([*failed, *notes(reports)]),
    )


def _accuracy(one: Report) -> str:
    found = one.evaluation
    if found is None:
        return f"not evaluated; SQNR {text.decibels(one.parity_sqnr_db)}"
    if found.metric is None:
        return f"SQNR {text.decibels(found.sqnr_db_min)}"
    scores = f"{text.score(found.source_score)} to {text.score(found.artifact_score)}"
    return f"{found.metric} {scores}, drop {text.drop(found)}"


def _float_latency(one: Report) -> str:
    if one.latency is None or one.latency.float_baseline is None:
        return "-"
    return text.milliseconds(one.latency.float_baseline.median_ms)


def evaluation(result: Evaluated) -> Page:
    """Show the figures of an evaluation, and the layers that lost most."""
    found = result.evaluation
    tables = [table("", ("", "value"), _figures(found), numbers=(1,))]
    if result.layers is not None and result.layers.layers:
        tables.append(_layers(result.layers))
    return Page(
        title=text.visible(f"{result.artifact} against {result.source}", most=_MOST_LINE),
        lines=(text.visible(f"{found.samples} samples of {result.data}", most=_MOST_LINE),),
        tables=tuple(tables),
        notes=noted([("note", note) for note in (*result.notes, *found.notes)]),
    )


def _figures(found: Evaluation) -> Iterator[tuple[str, str]]:
    if found.metric is not None:
        yield f"{found.metric} of the source model", text.score(found.source_score)
        yield f"{found.metric} of the file", text.score(found.artifact_score)
        yield "drop, 95 % interval (positive is worse)", text.drop(found)
    if found.agreement is not None:
        yield "share of equal answers", text.share(found.agreement)
    for name, value in found.sqnr_db.items():
        yield f"SQNR of {name}", text.decibels(value)
    yield "largest difference", f"{found.max_abs_error:.4g}"


def _layers(layers: LayerErrors) -> Table:
    worst = sorted(layers.layers, key=lambda layer: layer.rank)[:_MOST_LAYERS]
    noise = bars([one.added_noise for one in worst], [f"{one.added_noise:.3g}" for one in worst])
    rows = [(one.name, text.decibels(one.sqnr_db), bar)
            for one, bar in zip(worst, noise, strict=True)]  # fmt: skip
    return table("worst tensors", ("tensor", "SQNR", "added noise"), rows, numbers=(1,))


def compression(result: Compressed) -> Page:
    """Show the model before and after, and what each pass did."""
    report = result.report
    before, after = report.compression.before, report.compression.after
    figures = (
        ("parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
        ("MACs", "-" if before.macs is None else f"{before.macs:,}",
         "-" if after.macs is None else f"{after.macs:,}"),
        ("zeros among weights", text.share(before.sparsity), text.share(after.sparsity)),
        ("weights", text.kib(before.weight_bytes), text.kib(after.weight_bytes)),
        ("weights with gzip", text.kib(before.compressed_bytes), text.kib(after.compressed_bytes)),
    )  # fmt: skip
    passes = [
        (one.name, text.seconds(one.seconds), str(len(one.treatments)),
         ", ".join(f"{name} {value:.4g}" for name, value in one.figures.items()))
        for one in report.passes
    ]  # fmt: skip
    tables = [table("", ("", "before", "after"), figures, numbers=(1, 2))]
    if passes:
        heading = ("pass", "took", "layers told of", "figures")
        tables.append(table("passes", heading, passes, numbers=(1, 2)))
    if report.evaluation is not None:
        tables.append(table("accuracy", ("", "value"), _figures(report.evaluation), numbers=(1,)))
    return Page(
        title=text.visible(f"{report.source.name}, recipe {report.compression.recipe}"),
        lines=(text.visible(report.compression.description, most=_MOST_LINE),),
        tables=tuple(tables),
        notes=noted([("warning", line) for line in report.warnings]),
    )
