"""What a check found, in one sentence that names model, figure, and by how much."""

from __future__ import annotations

from edgekit.comparing.estimate import Estimate
from edgekit.comparing.subject import Record
from edgekit.report.text import visible

_DIGITS = 5


def number(value: float | None, unit: str = "") -> str:
    """Return a figure with its unit."""
    if value is None:
        return "no figure"
    if value == value and abs(value) < 1e15 and value == int(value):
        said = f"{int(value):,}"
    else:
        said = f"{value:,.{_DIGITS - 1}g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{said} {unit}".rstrip()


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
    said = f"{where(record)}: {metric} is {number(value, unit)}, expected {most}"
    return f"{said} {number(limit, unit)}{_because(reason)}"


def of_regression(
    record: Record, metric: str, before: float | None, after: float | None, found: Estimate,
    unit: str, room: str, *, missed: bool, reason: str,
) -> str:  # fmt: skip
    """Say how far a figure moved from the baseline's, for better or worse."""
    got = " got worse" if missed else ""
    said = f"{where(record)}{got}: {metric} went from {number(before)} to {number(after, unit)}"
    if found.change is not None:
        said += f" ({_moved(found, unit)})"
    return f"{said}; at most {room} is allowed{_because(reason)}"


def room(regression: float | None, share: float | None, unit: str) -> str:
    """Say what a rule allows."""
    if share is not None:
        return f"{100 * share:g} %"
    return f"{number(regression, unit)}"


def _moved(found: Estimate, unit: str) -> str:
    if found.change is None:
        return ""
    change = f"{'+' if found.change > 0 else ''}{number(found.change, unit)}"
    said = change if found.share is None else f"{change}, {100 * found.share:+.1f} %"
    if found.low is None or found.high is None or found.low == found.high:
        return said
    return f"{said}; between {number(found.low)} and {number(found.high, unit)}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
