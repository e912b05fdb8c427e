"""What files cost on devices, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgekit.devices.figures import DeviceMeasurement
from edgekit.report import text
from edgekit.report.device_words import agreement, memory, notes
from edgekit.report.devices import Benchmark, is_whole
from edgekit.report.terminal.device_accuracy import accuracy_table
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_HEADING = ("device", "latency", "work", "memory", "outputs")


def summary(found: Benchmark) -> Group:
    """Return a table over the devices for each file, then what to look out for. Fits 80 columns."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for file in dict.fromkeys(one.file for one in found.measurements):
        of_file = [one for one in found.measurements if one.file == file]
        size = text.kib(round(of_file[0].memory.artifact_kib * 1024))
        parts += [Text(f"{text.visible(file)}, {size}", style="bold"), _table(of_file), Text()]
        if (scores := accuracy_table(of_file)) is not None:
            parts += [scores, Text()]
    said = [Text(f"{kind}: {text.visible(line, most=400)}") for kind, line in notes(found)]
    return Group(*parts, *said)


def _table(measurements: Sequence[DeviceMeasurement]) -> Table:
    rows = (
        (text.visible(one.device), _latency_cell(one), _count_cell(one),
         "\n".join(memory(one)), agreement(one))
        for one in measurements
    )  # fmt: skip
    return table(_HEADING, rows, right=(1, 2, 3))


def _latency_cell(one: DeviceMeasurement) -> str:
    if one.latency is None:
        return "-"
    low, high = one.latency.low_ms, one.latency.high_ms
    known = low is not None and high is not None and low != high
    around = f"\n{low:.3g} to {high:.3g}" if known else ""
    without = "" if is_whole(one) else "\nwithout CPU"
    return f"{text.milliseconds(one.latency.ms)}{around}\n{one.latency.basis}{without}"


def _count_cell(one: DeviceMeasurement) -> str:
    if one.counts is not None:
        return f"{one.counts.instructions:,} instructions\ncounted"
    if one.cycles is not None:
        return f"{one.cycles:,} cycles\n{one.bases.get('cycles', '')}".rstrip()
    return "-"
