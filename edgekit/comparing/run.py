"""The function behind ``edgekit compare``: what changed from one subject to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgekit.comparing.estimate import Estimate
from edgekit.comparing.figures import compare_figures
from edgekit.comparing.match import match
from edgekit.comparing.metrics import METRICS, Better
from edgekit.comparing.of_history import history_subject
from edgekit.comparing.read import HISTORY, read_subject
from edgekit.comparing.result import Change, Compared, ComparisonResult, Difference, Verdict
from edgekit.comparing.subject import Figure, Record, Subject
from edgekit.errors import OptionError


def compare(before: Any, *after: Any, run_to_run: float | None = None) -> ComparisonResult:
    """Say what changed in accuracy, latency, size, memory, work, operators and environment.

    Scores are compared pair by pair where the samples are the same; wall-clock latencies by a
    bootstrap of their medians; what is the same in every run exactly. What noise could explain is
    ``cannot tell``, with the reason, and never a difference.

    Args:
        before: A path (``report.json``, a document of ``bench`` or ``farm``, a ``manifest.json``, a
            folder of these, an artifact), or what ``convert`` or ``benchmark`` returned. A path may
            end in ``#PATTERN``: of a document of devices, the files that it matches. Also
            ``history:DB``, with ``?branch=NAME`` if need be: the latest passing run of each record
            of ``after``.
        after: One or more of the same.
        run_to_run: Standard deviation between latencies of one file in several runs on this host,
            as a share: 0.01 is 1 %. Left out, that of a shared virtual machine (0.05; 0.03 where
            each run is spread over processes). Files that took turns do not need it.

    Raises:
        ArtifactError: one of them cannot be read, or holds nothing to compare.
        OptionError: there is nothing to compare with, or ``run_to_run`` is no share.
    """
    if not after:
        raise OptionError("expected two or more to compare, got one")
    check_share(run_to_run)
    return compare_pairs(read_pairs(before, after), run_to_run)


def read_pairs(before: Any, after: Sequence[Any]) -> list[tuple[Subject, Subject]]:
    """Return each of ``after``, with what it is compared with before it.

    Raises:
        ArtifactError: one of them cannot be read, or holds nothing to compare.
        MissingExtra, DestinationError, OptionError: the history cannot be opened.
    """
    later = [read_subject(one) for one in after]
    if isinstance(before, str) and before.startswith(HISTORY):
        return [(history_subject(before, one), one) for one in later]
    first = read_subject(before)
    return [(first, one) for one in later]


def compare_pairs(
    pairs: Sequence[tuple[Subject, Subject]], run_to_run: float | None = None
) -> ComparisonResult:
    """Compare each pair of subjects; there is one, and all have the same name first."""
    return ComparisonResult(
        before=pairs[0][0].name,
        after=tuple(compare_subjects(*pair, run_to_run) for pair in pairs),
    )


def check_share(run_to_run: float | None) -> None:
    """Refuse a standard deviation that is no share.

    Raises:
        OptionError: it is not in 0 to 1.
    """
    if run_to_run is not None and not 0 <= run_to_run <= 1:
        raise OptionError(f"run_to_run: expected a share in [0, 1], got {run_to_run:g}")


def compare_subjects(before: Subject, after: Subject, run_to_run: float | None = None) -> Compared:
    """Compare all records that have a counterpart."""
    matched = match(before, after)
    return Compared(
        name=after.name,
        differences=tuple(one for pair in matched.pairs for one in _differences(*pair, run_to_run)),
        changes=tuple(one for pair in matched.pairs for one in _changes(*pair)),
        unmatched=(
            *(f"only in {before.name}: {_named(record)}" for record in matched.only_before),
            *(f"only in {after.name}: {_named(record)}" for record in matched.only_after),
        ),
    )


def _named(record: Record) -> str:
    return f"{record.model}, {record.target}, {record.device}"


def _differences(before: Record, after: Record, run_to_run: float | None) -> Iterator[Difference]:
    nothing = Figure(value=None, basis="computed")
    for name, metric in METRICS.items():
        if name not in before.figures and name not in after.figures:
            continue
        one, other = (
            record.figures.get(name) or _absent(record, nothing) for record in (before, after)
        )
        found = compare_figures(name, one, other, run_to_run=run_to_run)
        present = other if name in after.figures else one
        better = metric.better or present.better
        verdict, reason = judged(found, better)
        yield Difference(
            model=after.model, target=after.target, device=after.device, metric=name,
            unit=present.unit_as(name), better=better, basis=present.basis, before=one.value,
            after=other.value, change=found.change, low=found.low, high=found.high,
            share=found.share, verdict=verdict, method=found.method, reason=reason,
        )  # fmt: skip


def _absent(record: Record, nothing: Figure) -> Figure:
    if not record.failed:
        return nothing
    return Figure(value=None, basis=nothing.basis, missing=record.failed)


def judged(found: Estimate, better: Better) -> tuple[Verdict, str]:
    """Return the verdict on an estimate, and the reason where nothing can be told."""
    if found.reason or found.low is None or found.high is None:
        return "cannot tell", found.reason or "there is no interval"
    if found.low == found.high == 0 or -found.negligible < found.low <= found.high < (
        found.negligible
    ):
        return "same", ""
    if found.low > 0:
        return ("worse" if better == "lower" else "better"), ""
    if found.high < 0:
        return ("better" if better == "lower" else "worse"), ""
    return "cannot tell", "no change is within the interval"


def _changes(before: Record, after: Record) -> Iterator[Change]:
    for kind in dict.fromkeys([*before.facts, *after.facts]):
        if kind not in before.facts or kind not in after.facts:
            continue  # one of the documents does not tell
        one, other = before.facts[kind], after.facts[kind]
        for name in dict.fromkeys([*one, *other]):
            if one.get(name, "") != other.get(name, ""):
                yield Change(
                    model=after.model, target=after.target, device=after.device, kind=kind,
                    name=name, before=one.get(name, ""), after=other.get(name, ""),
                )  # fmt: skip
