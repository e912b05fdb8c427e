"""What files cost on devices, as a document, and the budgets that it is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.devices.figures import DeviceMeasurement
from edgekit.errors import OptionError, UnknownName
from edgekit.shown import shown
from edgekit.version import VERSION

SCHEMA = 1


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


@dataclass(frozen=True, kw_only=True)
class MissedBudget:
    """A budget that a file misses on a device, and what was expected there."""

    device: str
    file: str
    sha256: str
    name: str
    said: str

    @property
    def line(self) -> str:
        """Where what was missed, and by how much."""
        return f"{self.device}: {Path(self.file).name}: {self.name}{self.said}"


def missed_budgets(found: Benchmark) -> list[str]:
    """Return a line for each budget that is missed (``misses``)."""
    return [one.line for one in misses(found)]


def misses(found: Benchmark) -> Iterator[MissedBudget]:
    """Yield each figure beyond its budget, and each that no device can tell.

    A figure of a file that one device lacks and another has is missed on none of them; a device
    that the file does not fit misses every budget. So does one whose figure leaves a part out.
    """
    for name, most in found.budget.items():
        figures = [(one, BUDGETS[name](one)) for one in found.measurements]
        told = {one.sha256 for one, figure in figures if figure is not None}
        for one, figure in figures:
            whole = name not in _OF_AN_INFERENCE or is_whole(one)
            judged = _judged(figure, most, whole=whole)
            if judged and (
                figure is not None or one.misfits or not whole or one.sha256 not in told
            ):
                yield MissedBudget(
                    device=one.device, file=one.file, sha256=one.sha256, name=name, said=judged
                )


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
