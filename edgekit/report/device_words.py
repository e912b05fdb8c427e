"""What a device told, in words, in every view alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgekit.devices.figures import DeviceAccuracy, DeviceMeasurement, OperatorCost
from edgekit.report import text
from edgekit.report.devices import Benchmark, missed_budgets

_COSTLIEST = 10


def titles(measurements: Sequence[DeviceMeasurement]) -> list[str]:
    """Return one line a device: what it is, and what runs there."""
    lines, runs = {}, dict[str, dict[str, None]]()
    for one in measurements:
        named = [f"{name} {version}" for name, version in one.runtime.items()]
        known = runs.setdefault(one.device, {})
        known.update(dict.fromkeys(named))
        ran = f"; {', '.join(known)}" if known else ""
        lines[one.device] = f"{one.device}: {one.description}{ran}"
    return [text.visible(line) for line in lines.values()]


def memory(one: DeviceMeasurement) -> list[str]:
    """Return at most three kinds of memory with their sizes."""
    held = one.memory
    named = (("arena", held.arena_kib), ("RAM", held.ram_kib), ("flash", held.flash_kib),
             ("process", held.peak_kib))  # fmt: skip
    said = [f"{what} {text.kib(round(kib * 1024))}" for what, kib in named if kib is not None]
    return said[:3]


def agreement(one: DeviceMeasurement) -> str:
    """Return how far the device's outputs are from the reference's."""
    if one.misfits:
        return "does not fit"
    if one.agreement is None:
        return "-"
    if one.agreement.identical_share == 1.0:
        return "bit-exact"
    steps = one.agreement.largest_steps
    return f"within {one.agreement.largest_difference:.1g}" if steps is None else (
        f"within {steps} step{'s' * (steps != 1)}"
    )  # fmt: skip


def notes(found: Benchmark) -> list[tuple[str, str]]:
    """Return (kind, text) of what to look out for, the gravest first."""
    said = [("fail", line) for line in missed_budgets(found)]
    said += [("fail", f"{f.device}: {Path(f.file).name}: {f.error}") for f in found.failures]
    for one in found.measurements:
        where = f"{one.device}: {Path(one.file).name}"
        said += [("misfit", f"{where}: {line}") for line in one.misfits]
        said += [("warning", f"{where}: {line}") for line in one.warnings]
        if one.accuracy is not None:
            said += [(kind, f"{where}: {line}") for kind, line in _of_accuracy(one.accuracy)]
    return list(dict.fromkeys(said))


def _of_accuracy(found: DeviceAccuracy) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): what was evaluated on, and whether the device scores worse for sure."""
    if found.drop_low_pp is not None and found.drop_low_pp > 0:
        yield (
            "warning",
            f"{found.metric} is worse there than on this host by {text.drop(found)}, beyond chance:"
            " the device computes differently",
        )
    chosen = "" if found.samples == found.available else f" of {found.available:,}"
    yield "note", f"evaluated on {found.samples:,} samples{chosen} ({text.visible(found.data)})"
    for line in found.notes:
        yield "note", line


def operator_rows(one: DeviceMeasurement, *, most: int = _COSTLIEST) -> Iterator[tuple[str, ...]]:
    """Yield index, kind, layer, where and cost of the costliest operators."""
    ranked = sorted(one.operators, key=_cost, reverse=True)
    for operator in ranked[:most]:
        kind, layer = text.visible(operator.kind), text.visible(operator.layer, most=40)
        yield str(operator.index), kind, layer, operator.where, _cost_cell(operator)


def _cost(operator: OperatorCost) -> float:
    return operator.instructions or operator.cycles or operator.latency_ms or 0.0


def _cost_cell(operator: OperatorCost) -> str:
    if operator.instructions is not None:
        return f"{operator.instructions:,} instructions"
    if operator.cycles is not None:
        return f"{operator.cycles:,} cycles"
    return "" if operator.latency_ms is None else text.milliseconds(operator.latency_ms)
