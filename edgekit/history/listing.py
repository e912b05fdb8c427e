"""Runs on a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edgekit.history.run import DROP, METRICS, Run
from edgekit.report import text
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_HEADING = ("run", "kept", "model", "target", "device", "drop", "latency", "size", "")
_LONGEST = 40  # characters of a name in the list
_NUMBERS = ("run", "drop", "latency", "size")


def listing(runs: Sequence[Run]) -> Table:
    """Return a table of runs; times are this machine's."""
    return table(
        _HEADING,
        ([text.visible(cell, most=_LONGEST) for cell in _cells(run)] for run in runs),
        right=_columns(_NUMBERS),
        no_wrap=_columns(set(_HEADING) - {"model", "target", "device"}),
    )


def _columns(titles: Collection[str]) -> list[int]:
    return [at for at, title in enumerate(_HEADING) if title in titles]


def _cells(run: Run) -> tuple[str, ...]:
    return (
        str(run.id),
        _kept(run.time.astimezone()),
        run.model,
        run.target,
        run.device,
        drop_of(run) or "-",
        "-" if run.latency_ms is None else text.milliseconds(run.latency_ms),
        "-" if run.size_kib is None else text.kib(round(1024 * run.size_kib)),
        run.verdict,
    )


def summary(run: Run, reasons: Sequence[str]) -> Group:
    """Return what is known of a run: its figures, and why it fails."""
    from rich.console import Group
    from rich.text import Text

    rows = [(name, text.visible(value)) for name, value in figures(run)]
    drawn = table(("", ""), rows, no_wrap=(0,))
    said = [Text(text.visible(line, most=400)) for line in reasons]
    return Group(Text(f"run {run.id}", style="bold"), drawn, *said)


def figures(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what is known of a run, in words; what is not known is left out."""
    told: dict[str, str | None] = {
        "kind": run.kind,
        "kept": run.time.astimezone().strftime("%Y-%m-%d %H:%M:%S %z"),
        "model": run.model,
        "target": run.target,
        "device": run.device,
        "verdict": run.verdict,
        "metric": run.metric,
        "score": _told(run.score, text.score),
        "drop": drop_of(run),
        "SQNR": _told(run.parity_sqnr_db, text.decibels),
        "latency": _told(run.latency_ms, text.milliseconds),
        "latency is": run.latency_basis,
        "size": _told(run.size_kib, _kib),
        "memory of the model": _told(run.model_memory_mib, _mib),
        "memory of the process": _told(run.peak_memory_mib, _mib),
        "RAM": _told(run.ram_kib, _kib),
        "arena": _told(run.arena_kib, _kib),
        "instructions": _told(run.instructions, lambda count: f"{count:,}"),
        "cycles": _told(run.cycles, lambda count: f"{count:,}"),
        "source SHA-256": run.source_sha256,
        "file SHA-256": run.artifact_sha256,
        "host": run.host,
        "commit": run.commit,
        "branch": run.branch,
        "edgekit": run.edgekit,
    }
    yield from ((name, value) for name, value in told.items() if value is not None)


def drop_of(run: Run) -> str | None:
    """Return a run's drop with its unit; None where it is not known."""
    if run.accuracy_drop_pp is None:
        return None
    return f"{run.accuracy_drop_pp:.2f} {run.drop_unit or METRICS[DROP].unit}"


def _kib(kib: float) -> str:
    return text.kib(round(1024 * kib))


def _mib(mib: float) -> str:
    return _kib(1024 * mib)


def _told(value: float | None, shown: Callable[[Any], str]) -> str | None:
    return shown(value) if value is not None else None


def _kept(time: datetime) -> str:
    """Return day and time of this year, the day alone of others."""
    this_year = time.year == datetime.now().astimezone().year
    return time.strftime("%m-%d %H:%M" if this_year else "%Y-%m-%d")
