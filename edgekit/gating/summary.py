"""A gate's verdict on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.gating.markdown import MARKS
from edgekit.gating.result import Check, GateResult
from edgekit.report import text
from edgekit.report.terminal.table import table

if TYPE_CHECKING:
    from rich.console import Group

_HEADING = ("rule", "where", "figure", "limit", "margin", "verdict")
_STYLES = {"fail": "bold red", "undecided": "bold yellow", "warn": "yellow", "pass": "green"}
_MOST = 40


def summary(found: GateResult, *, most: int = _MOST) -> Group:
    """Return a table of the checks, the gravest first, and what is not passed in words.

    Fits 80 columns. Of more than ``most`` checks the rest is counted.
    """
    from rich.console import Group
    from rich.text import Text

    ranked = found.ranked
    rows: list[list[str | Text]] = [
        [*_cells(check), Text(MARKS[check.verdict], style=_STYLES[check.verdict])]
        for check in ranked[:most]
    ]
    drawn = table(_HEADING, rows, right=(2, 3, 4))
    lines = [Text(f"and {len(ranked) - most:,} more")] if len(ranked) > most else []
    for check in ranked[:most]:
        if check.verdict != "pass":
            said = f"{MARKS[check.verdict]}: {check.rule}: {check.text}"
            lines.append(Text(text.visible(said, most=1000)))
    end = Text(text.visible(found.sentence, most=1000), style="bold")
    return Group(drawn, *lines, Text(), end)


def _cells(check: Check) -> tuple[str, ...]:
    metric = text.visible(f"{check.metric}{', change' if check.kind == 'regression' else ''}")
    place = "\n".join(text.visible(part) for part in (check.model, check.target, check.device))
    rule = text.visible(check.rule, most=60)
    return (
        f"{rule}\n{metric}", place, text.figure(check.figure, check.unit, absent="no figure"),
        text.figure(check.limit),
        text.figure(check.margin),
    )  # fmt: skip
