"""What is shown of each kind of result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from edgekit.accuracy import Evaluation, LayerErrors
from edgekit.auditing import AuditResult
from edgekit.devices.figures import DeviceMeasurement
from edgekit.inspection import Inspection
from edgekit.inspection.blocks import blocks
from edgekit.report import devices, text
from edgekit.report.graph.words import cost, count, grid, size, tensor
from edgekit.report.model import CompressionReport, Report
from edgekit.report.notebook.table import Bar, Cell, Page, Table, bars, table
from edgekit.report.terminal import notes

_MOST_LAYERS = 10
_MOST_OPERATORS = 100
_MOST_LINE = 2000


class Reported(Protocol):
    """What a conversion handed over."""

    @property
    def reports(self) -> tuple[Report, ...]:
        """A report for each target."""

    @property
    def failures(self) -> tuple[Any, ...]:
        """Targets that could not be made: ``target`` and ``error``."""


class Compared(Protocol):
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
        notes=_noted([*failed, *notes(reports)]),
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


def comparison(result: Compared) -> Page:
    """Show the figures of an evaluation, and the layers that lost most."""
    found = result.evaluation
    tables = [table("", ("", "value"), _figures(found), numbers=(1,))]
    if result.layers is not None and result.layers.layers:
        tables.append(_layers(result.layers))
    return Page(
        title=text.visible(f"{result.artifact} against {result.source}", most=_MOST_LINE),
        lines=(text.visible(f"{found.samples} samples of {result.data}", most=_MOST_LINE),),
        tables=tuple(tables),
        notes=_noted([("note", note) for note in (*result.notes, *found.notes)]),
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


def audit(result: AuditResult) -> Page:
    """Show inputs, outputs, figures, and groups of operators with their share of the work."""
    ends = [
        (what, spec.name, spec.dtype, text.shape(spec.shape),
         "" if spec.scale is None else f"{spec.scale:.6g}",
         "" if spec.zero_point is None else str(spec.zero_point))
        for what, specs in (("input", result.inputs), ("output", result.outputs)) for spec in specs
    ]  # fmt: skip
    shares: list[tuple[Cell, ...]] = [
        ("multiply-accumulates", f"{result.macs:,}", _share(result.integer_mac_share)),
        ("operators", f"{len(result.operators):,}", _share(result.integer_op_share)),
        ("weights", size(result.weight_bytes), _share(result.integer_weight_share)),
        ("activations at once", size(result.peak_activation_bytes), ""),
    ]
    groups = text.operator_groups(result)
    work = bars([float(one[3].replace(",", "")) for one in groups], [one[3] for one in groups])
    islands = [("note", f"float island ({text.brief(one.operators)}): {one.why}")
               for one in result.float_islands]  # fmt: skip
    foreign = ("Flex", result.flex), ("custom", result.custom)
    named = [("note", f"{what} operators: {text.brief(kinds)}") for what, kinds in foreign if kinds]
    return Page(
        title=text.visible(result.path, most=_MOST_LINE),
        lines=(f"{result.format}, {result.file_bytes:,} bytes",),
        tables=(
            table("", ("", "name", "type", "shape", "scale", "zero point"), ends),
            table("", ("", "all", "in integers"), shares, numbers=(1,)),
            table("operators", ("kind", "computes in", "count", "MACs"),
                  [(*one[:3], bar) for one, bar in zip(groups, work, strict=True)], numbers=(2,)),
        ),
        notes=_noted([*islands, *named]),
    )  # fmt: skip


def _share(share: float) -> Bar:
    return Bar(share=share, text=f"{share:.1%}")


def benchmark(result: devices.Benchmark) -> Page:
    """Show a table over the devices for each file, with what is costliest there."""
    tables = []
    for file in dict.fromkeys(one.file for one in result.measurements):
        tables.append(_devices(file, [one for one in result.measurements if one.file == file]))
    return Page(
        title=f"{len(result.measurements)} measurements",
        lines=tuple(devices.titles(result.measurements)),
        tables=tuple(tables),
        notes=_noted(devices.notes(result)),
    )


def _devices(file: str, found: Sequence[DeviceMeasurement]) -> Table:
    taken = [one.latency for one in found]
    times = bars(
        [one.ms if one else None for one in taken],
        [f"{text.milliseconds(one.ms)} {one.basis}" if one else "" for one in taken],
        [(one.low_ms, one.high_ms) if one else (None, None) for one in taken],
    )
    rows = []
    for one, bar in zip(found, times, strict=True):
        work = f"{one.counts.instructions:,} instructions" if one.counts else (
            f"{one.cycles:,} cycles" if one.cycles is not None else "-")  # fmt: skip
        peak = one.memory.peak_kib or one.memory.ram_kib or one.memory.arena_kib
        memory = "-" if peak is None else text.kib(round(peak * 1024))
        rows.append((one.device, bar, work, memory))
    heading = ("device", "latency", "work", "memory")
    return table(Path(file).name, heading, rows, numbers=(2, 3))


def compression(result: Compressed) -> Page:
    """Show the model before and after, and what each pass did."""
    report = result.report
    before, after = report.compression.before, report.compression.after
    figures = (
        ("parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
        ("MACs", "-" if before.macs is None else f"{before.macs:,}",
         "-" if after.macs is None else f"{after.macs:,}"),
        ("zeros among weights", f"{before.sparsity:.1%}", f"{after.sparsity:.1%}"),
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
        notes=_noted([("warning", line) for line in report.warnings]),
    )


def inspection(result: Inspection) -> Page:
    """Show the operators of the main graph, with what each takes of the work."""
    found = blocks(result)
    some, unit = found[:_MOST_OPERATORS], result.profile.unit if result.profile else None
    weights = [one.cost if unit else float(one.macs) for one in some]
    said = [cost(one.cost or 0.0, unit) if unit else count(one.macs) for one in some]
    rows: list[tuple[Cell, ...]] = []
    for one, bar in zip(some, bars(weights, said), strict=True):
        made = [result.tensor(key) for key in one.writes[:3]]
        rows.append((
            f"{one.operators[0].index} {one.title}", one.name, one.precision,
            "; ".join(tensor(each) + grid(each) for each in made), size(one.weight_bytes), bar,
        ))  # fmt: skip
    heading = ("operator", "layer", "computes in", "writes", "weights", unit or "MACs")
    more = len(found) - len(some)
    return Page(
        title=text.visible(result.path, most=_MOST_LINE),
        lines=(f"{result.format}, {result.file_bytes:,} bytes, {count(result.macs)} MACs",),
        tables=(table("", heading, rows, numbers=(4,)),),
        notes=(("note", f"{more} more operators"),) if more else (),
    )


def _noted(said: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((kind, text.visible(line, most=_MOST_LINE)) for kind, line in said)
