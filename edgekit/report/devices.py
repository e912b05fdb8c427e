"""What files cost on devices, as a document, and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.devices.figures import DeviceMeasurement, OperatorCost
from edgekit.errors import OptionError, UnknownName
from edgekit.report import text
from edgekit.report.device_accuracy import accuracy_notes, accuracy_table
from edgekit.shown import shown
from edgekit.version import VERSION

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

SCHEMA = 1
_HEADING = ("device", "latency", "work", "memory", "outputs")
_COSTLIEST = 10


@dataclass(frozen=True, kw_only=True)
class DeviceFailure:
    """A file that could not be measured on a device, and why."""

    device: str
    file: str
    error: str


@shown("benchmark")
@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Files on devices: what was found, what failed, and the budgets that it was held against."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    measurements: tuple[DeviceMeasurement, ...]
    failures: tuple[DeviceFailure, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)

    @property
    def unmeasured(self) -> tuple[DeviceFailure, ...]:
        """The first failure of each file on each device of which there is no measurement at all."""
        told = {(one.device, one.file) for one in self.measurements}
        found: dict[tuple[str, str], DeviceFailure] = {}
        for failure in self.failures:
            if (key := (failure.device, failure.file)) not in told:
                found.setdefault(key, failure)
        return tuple(found.values())


def _latency(found: DeviceMeasurement) -> float | None:
    if found.latency is None:
        return None
    return found.latency.ms if found.latency.high_ms is None else found.latency.high_ms


def _peak_mib(found: DeviceMeasurement) -> float | None:
    return None if found.memory.peak_kib is None else found.memory.peak_kib / 1024


def _instructions(found: DeviceMeasurement) -> float | None:
    return found.counts.instructions if found.counts else None


# name -> the figure that a budget limits; of a latency the upper end of its interval, if known.
BUDGETS: Mapping[str, Callable[[DeviceMeasurement], float | None]] = {
    "latency_ms": _latency,
    "size_kib": lambda found: found.memory.artifact_kib,
    "arena_kib": lambda found: found.memory.arena_kib,
    "ram_kib": lambda found: found.memory.ram_kib,
    "flash_kib": lambda found: found.memory.flash_kib,
    "peak_memory_mib": _peak_mib,
    "instructions": _instructions,
    "cycles": lambda found: found.cycles,
}


_OF_AN_INFERENCE = ("latency_ms", "cycles")


def is_whole(found: DeviceMeasurement) -> bool:
    """Whether latency and cycles are of the whole inference; an NPU's leave out what the CPU does.

    They are a lower bound else.
    """
    return found.npu_share is None or not any(
        one.where in ("cpu", "cpu+npu") for one in found.operators
    )


def require_budgets(limits: Mapping[str, float]) -> None:
    """Refuse budgets that there are not, and limits that no figure can be held against.

    Raises:
        UnknownName: there is no budget of that name.
        OptionError: a limit is not a number of at least 0.
    """
    for name, most in limits.items():
        if name not in BUDGETS:
            raise UnknownName("budget", name, BUDGETS)
        if not most >= 0:
            raise OptionError(f"budget {name}: expected a number of at least 0, got {most:g}")


def missed_budgets(found: Benchmark) -> list[str]:
    """Return a line for each figure beyond its budget, and for each that no device can tell.

    A figure of a file that one device lacks and another has is missed on none of them; a device
    that the file does not fit misses every budget. So does one whose figure leaves a part out.
    """
    lines = []
    for name, most in found.budget.items():
        figures = [(one, BUDGETS[name](one)) for one in found.measurements]
        told = {one.sha256 for one, figure in figures if figure is not None}
        for one, figure in figures:
            whole = name not in _OF_AN_INFERENCE or is_whole(one)
            judged = _judged(figure, most, whole=whole)
            if judged and (
                figure is not None or one.misfits or not whole or one.sha256 not in told
            ):
                lines.append(f"{one.device}: {Path(one.file).name}: {name}{judged}")
    return lines


def _judged(figure: float | None, most: float, *, whole: bool) -> str:
    """Say what is wrong with a figure; nothing if it keeps its budget."""
    if figure is not None and figure > most:
        least = "" if whole else "at least "
        return f" is {least}{figure:,.6g}, expected at most {most:g}"
    if figure is None and whole:
        return f": expected at most {most:g}, got no figure"
    if whole:
        return ""
    came = "" if figure is None else f" is {figure:,.6g} without the operators on the CPU,"
    return f"{came or ':'} expected at most {most:g}, cannot tell"


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
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False,
                  collapse_padding=True)  # fmt: skip
    for at, title in enumerate(_HEADING):
        table.add_column(title, justify="right" if at in (1, 2, 3) else "left", overflow="fold")
    for one in measurements:
        cells = (text.visible(one.device), _latency_cell(one), _count_cell(one),
                 _memory_cell(one), _agreement_cell(one))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    return table


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


def _memory_cell(one: DeviceMeasurement) -> str:
    memory = one.memory
    parts = [
        f"{what} {text.kib(round(kib * 1024))}"
        for what, kib in (("arena", memory.arena_kib), ("RAM", memory.ram_kib),
                          ("flash", memory.flash_kib), ("process", memory.peak_kib))
        if kib is not None
    ]  # fmt: skip
    return "\n".join(parts[:3])


def _agreement_cell(one: DeviceMeasurement) -> str:
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
            said += [(kind, f"{where}: {line}") for kind, line in accuracy_notes(one.accuracy)]
    return list(dict.fromkeys(said))


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
