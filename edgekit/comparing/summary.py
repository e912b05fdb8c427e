"""A comparison on a terminal: one table for each artifact and place, and what cannot be told."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.comparing.result import Change, Compared, ComparisonResult, Difference
from edgekit.report import text
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

_HEADING = ("", "before", "after", "change", "verdict")
_STYLES = {"worse": "bold red", "better": "green", "cannot tell": "yellow"}
_MOST_CHANGES = 12
_NO_SHARE = ("score", "accuracy_drop_pp")


def summary(found: ComparisonResult) -> Group:
    """Return what fits 80 columns. Figures that stayed the same are counted, not listed."""
    from rich.console import Group

    parts: list[Any] = []
    for one in found.after:
        parts += _compared(found.before, one)
    return Group(*parts)


def _compared(before: str, found: Compared) -> Iterator[Any]:
    from rich.text import Text

    yield Text(f"{text.visible(before)} -> {text.visible(found.name)}", style="bold")
    if not found.differences:
        yield Text("nothing that both hold")
    for key, group in itertools.groupby(found.differences, _key):
        each = list(group)
        yield Text(f"\n{', '.join(text.visible(part) for part in key)}")
        told = [one for one in each if one.verdict != "same"]
        if told:
            yield _table(told)
        if same := [one.metric for one in each if one.verdict == "same"]:
            yield Text(f"same: {', '.join(same)}")
        for line in reasons(told):
            yield Text(text.visible(line, most=400))
        for line in changes_said([one for one in found.changes if _key(one) == key]):
            yield Text(text.visible(line, most=600))
    for line in found.unmatched:
        yield Text(text.visible(line, most=400))
    yield Text()


def _key(one: Difference | Change) -> tuple[str, str, str]:
    return one.model, one.target, one.device


def _table(found: Sequence[Difference]) -> Table:
    return table(_HEADING, map(_row, found), right=(1, 2, 3))


def _row(one: Difference) -> tuple[str | Text, ...]:
    from rich.text import Text

    unit = f", {one.unit}" if one.unit and not one.metric.endswith(one.unit.lower()) else ""
    figures = text.figure(one.before), text.figure(one.after), change_said(one)
    verdict = Text(one.verdict, style=_STYLES.get(one.verdict, ""))
    return f"{one.metric}{unit}", *figures, verdict


def change_said(one: Difference) -> str:
    """Return a change with its sign, its share, and below its interval where it is not exact."""
    if one.change is None:
        return "-"
    if one.share is None or one.metric in _NO_SHARE:
        said = signed(one.change)
    else:
        said = f"{100 * one.share:+.2f} %"
    if one.low is None or one.high is None or one.low == one.high:
        return said
    return f"{said}\n{signed(one.low)} to {signed(one.high)}"


def signed(value: float) -> str:
    """Return a figure with its sign, three digits that count."""
    return f"{value:+.3g}" if abs(value) < 1000 or math.isinf(value) else f"{value:+,.0f}"


def reasons(found: Iterable[Difference]) -> list[str]:
    """Return a line for each reason why something cannot be told, with the figures concerned."""
    by: dict[str, list[str]] = {}
    for one in found:
        if one.verdict == "cannot tell":
            by.setdefault(one.reason, []).append(one.metric)
    return [f"cannot tell {', '.join(names)}: {reason}" for reason, names in by.items()]


def changes_said(found: Sequence[Change]) -> list[str]:
    """Return a line for each kind of fact that changed."""
    lines = []
    for kind, group in itertools.groupby(found, lambda one: one.kind):
        each = [
            f"{one.name} {_short(one.before, kind)} -> {_short(one.after, kind)}" for one in group
        ]
        more = f" and {len(each) - _MOST_CHANGES} more" if len(each) > _MOST_CHANGES else ""
        lines.append(f"{kind}: {', '.join(each[:_MOST_CHANGES])}{more}")
    return lines


def _short(value: str, kind: str) -> str:
    return (value[:12] if kind == "identity" else value) or "none"
