"""What a check found, in one sentence that names model, figure, and by how much."""

from __future__ import annotations

from edgekit.comparing.estimate import Estimate
from edgekit.comparing.subject import Record
from edgekit.report.text import figure, visible


def where(record: Record) -> str:
    """Return the artifact and the place, such as ``digits for tflite-int8 on host``."""
    names = (visible(part, most=60) for part in record.key)
    return "{} for {} on {}".format(*names)


def of_limit(
    record: Record,
    metric: str,
    value: float | None,
    limit: float,
    unit: str,
    *,
    better: str,
    reason: str,
) -> str:
    """Say how a figure stands to a limit."""
    most = "at most" if better == "lower" else "at least"
    said = f"{where(record)}: {metric} is {figure(value, unit)}, expected {most}"
    return f"{said} {figure(limit, unit)}{_because(reason)}"


def of_regression(
    record: Record, metric: str, before: float | None, after: float | None, found: Estimate,
    unit: str, room: str, *, missed: bool, reason: str,
) -> str:  # fmt: skip
    """Say how far a figure moved from the baseline's, for better or worse."""
    got = " got worse" if missed else ""
    said = f"{where(record)}{got}: {metric} went from {figure(before)} to {figure(after, unit)}"
    if found.change is not None:
        said += f" ({_moved(found, unit)})"
    return f"{said}; at most {room} is allowed{_because(reason)}"


def room(regression: float | None, share: float | None, unit: str) -> str:
    """Say what a rule allows."""
    if share is not None:
        return f"{100 * share:g} %"
    return f"{figure(regression, unit)}"


def _moved(found: Estimate, unit: str) -> str:
    if found.change is None:
        return ""
    change = f"{'+' if found.change > 0 else ''}{figure(found.change, unit)}"
    said = change if found.share is None else f"{change}, {100 * found.share:+.1f} %"
    if found.low is None or found.high is None or found.low == found.high:
        return said
    return f"{said}; between {figure(found.low)} and {figure(found.high, unit)}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
