"""What to look out for in reports, in every view alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.report.devices import Benchmark, missed_budgets
from edgekit.report.model import Report
from edgekit.report.sparsity import zeros_said


def faults(document: Report | Benchmark) -> list[str]:
    """Return a line for each reason why a report or a benchmark fails."""
    if isinstance(document, Report):
        broken = [f"broken promise: {line}" for line in document.broken_promises]
        return broken + [f"missed budget: {line}" for line in document.missed_budgets]
    failed = [f"failed: {one.device}: {one.file}: {one.error}" for one in document.failures]
    return [f"missed budget: {line}" for line in missed_budgets(document)] + failed


def notes(reports: Sequence[Report]) -> list[tuple[str, str]]:
    """Return (kind, text) of what to look out for, the gravest first: fail, warning or note.

    What several targets share is said once; the rest opens with its target.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for report in reports:
        for note in dict.fromkeys(_notes(report)):
            found.setdefault(note, []).append(report.target.name)
    said = []
    for (kind, line), names in found.items():
        everywhere = len(names) == len(reports) and len(reports) > 1
        opening = "" if everywhere else f"{', '.join(names)}: "
        said.append((kind, f"{opening}{line}"))
    return sorted(said, key=lambda note: ("fail", "warning", "note").index(note[0]))


def _notes(report: Report) -> Iterator[tuple[str, str]]:
    yield from (("fail", line) for line in faults(report))
    if report.latency is not None and report.latency.warning:
        yield "warning", report.latency.warning
    if report.calibration is not None:
        for finding in report.calibration.findings:
            yield "warning", f"{finding.code}: {finding.text}"
    if (sentence := zeros_said(report)) is not None:
        yield "note", sentence
    for line in report.warnings:
        yield "warning", line
