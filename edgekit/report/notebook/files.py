"""What is shown of a file: its audit, its graph, and what it costs on devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.auditing import AuditResult
from edgekit.devices.figures import DeviceMeasurement
from edgekit.inspection import Inspection
from edgekit.inspection.blocks import blocks
from edgekit.report import device_words, text
from edgekit.report.devices import Benchmark
from edgekit.report.graph.words import cost, count, grid, size, tensor
from edgekit.report.notebook.table import Bar, Cell, Page, Table, bars, noted, table
from edgekit.report.operators import operator_groups

_MOST_OPERATORS = 100
_MOST_LINE = 2000


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
    groups = operator_groups(result)
    work = bars([float(one.macs) for one in groups], [f"{one.macs:,}" for one in groups])
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
                  [(*one.cells[:3], bar) for one, bar in zip(groups, work, strict=True)],
                  numbers=(2,)),
        ),
        notes=noted([*islands, *named]),
    )  # fmt: skip


def _share(share: float) -> Bar:
    return Bar(share=share, text=text.share(share))


def benchmark(result: Benchmark) -> Page:
    """Show a table over the devices for each file, with what is costliest there."""
    tables = []
    for file in dict.fromkeys(one.file for one in result.measurements):
        tables.append(_devices(file, [one for one in result.measurements if one.file == file]))
    return Page(
        title=f"{len(result.measurements)} measurements",
        lines=tuple(device_words.titles(result.measurements)),
        tables=tuple(tables),
        notes=noted(device_words.notes(result)),
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
