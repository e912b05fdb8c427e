"""The report on a terminal: one table over several targets, and what to look out for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit.report import text
from edgekit.report.figures import compression_ratio
from edgekit.report.model import Report
from edgekit.report.notes import notes
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

_HEADING = ("target", "size", "score, drop [95 %]", "latency", "verdict")


def summary(reports: Sequence[Report]) -> Group:
    """Return one table over the targets, then a line for each thing to look out for.

    Fits 80 columns. Accuracy is the source's score and the artifact's, and below them the drop
    (positive is worse) with its paired 95 % interval; without labels agreement and SQNR. Latency is
    the median on this host, and below it the float file's.
    """
    from rich.console import Group
    from rich.text import Text

    rows = [
        (text.visible(report.target.name), _size(report), _accuracy(report), _latency(report),
         Text("pass", style="green") if report.verdict == "pass"
         else Text("FAIL", style="bold red"))
        for report in reports
    ]  # fmt: skip
    drawn = table(_HEADING, rows, right=(1, 3), no_wrap=range(1, len(_HEADING)))
    lines: list[Text] = [Text(line, style="bold") for line in _titles(reports)]
    said = [_noted(*note) for note in notes(reports)]
    return Group(*lines, Text(), drawn, *([Text(), *said] if said else []))


def _noted(kind: str, line: str) -> Text:
    from rich.text import Text

    style = {"fail": "bold red", "warning": "yellow"}.get(kind, "")
    return Text.assemble((f"{kind}: ", style), text.visible(line, most=2000))


def _titles(reports: Sequence[Report]) -> Iterator[str]:
    """Say once what all targets share: the source model and the evaluation."""
    for source in dict.fromkeys(report.source.name for report in reports):
        first = next(report for report in reports if report.source.name == source)
        yield f"{text.visible(source)}, {first.source.parameters:,} parameters"
    for facts in dict.fromkeys(r.compression.recipe for r in reports if r.compression):
        yield f"after the recipe {text.visible(facts)}"
    said = {
        f"{text.visible(report.evaluation.metric or 'agreement')} on {report.evaluation.samples} "
        f"samples{f' of {text.visible(report.evaluation_data)}' if report.evaluation_data else ''}"
        for report in reports
        if report.evaluation is not None
    }
    yield from sorted(said)


def _size(report: Report) -> str:
    ratio = compression_ratio(report.artifact)
    smaller = "" if ratio is None or ratio < 1.005 else f"\n{text.ratio(ratio)} less"
    return text.kib(report.artifact.size_bytes) + smaller


def _accuracy(report: Report) -> str:
    found = report.evaluation
    if found is None:
        return f"not evaluated\nSQNR {text.decibels(report.parity_sqnr_db)}"
    if found.metric is None or found.source_score is None:
        quality = f"SQNR {text.decibels(found.sqnr_db_min)}"
        return (
            quality
            if found.agreement is None
            else f"agrees {text.share(found.agreement)}\n{quality}"
        )
    scores = f"{text.score(found.source_score)} -> {text.score(found.artifact_score)}"
    return f"{scores}\n{text.drop(found)}"


def _latency(report: Report) -> str:
    if report.latency is None:
        return "-"
    taken, base = report.latency.artifact, report.latency.float_baseline
    below = f"\nfloat {text.milliseconds(base.median_ms, unit='')}" if base else ""
    return text.milliseconds(taken.median_ms) + below
