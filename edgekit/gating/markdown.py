"""A gate's verdict as Markdown, for a pull request's comment or a step's summary."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.gating.result import Check, GateResult
from edgekit.report.markdown.syntax import escape, table
from edgekit.report.text import figure

_MOST_ROWS = 200
_HEADING = ("", "rule", "model", "target", "device", "figure", "is", "limit", "margin")
MARKS = {"pass": "pass", "warn": "warning", "fail": "FAIL", "undecided": "cannot tell"}


def markdown(found: GateResult) -> str:
    """Return the sentence, and a table of the checks, the gravest first.

    Of more than 200 checks that passed, the others are counted: comments have a limit. Names are
    escaped: they are shown, never obeyed.
    """
    heading = {"pass": "passed", "fail": "failed", "cannot tell": "cannot tell"}[found.verdict]
    lines = [f"## edgekit gate: {heading}", "", escape(found.sentence, most=1500), ""]
    ranked = found.ranked
    shown = ranked[:_MOST_ROWS]
    lines += table(_HEADING, [_row(check) for check in shown], numbers=(6, 7, 8))
    if left := len(ranked) - len(shown):
        lines += ["", f"and {left:,} more checks"]
    if told := list(_told(shown)):
        lines += ["", *told]
    against = f" against {escape(found.baseline)}" if found.baseline else ""
    lines += ["", f"{escape(found.report)}{against}, by {escape(found.policy)}"
              f" (edgekit {escape(found.edgekit)})"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(check: Check) -> tuple[str, ...]:
    return (
        MARKS[check.verdict], check.rule, check.model, check.target, check.device,
        f"{check.metric}, {check.kind}", figure(check.figure, check.unit, absent="no figure"),
        figure(check.limit, check.unit),
        figure(check.margin, check.unit),
    )  # fmt: skip


def _told(checks: tuple[Check, ...]) -> Iterator[str]:
    for check in checks:
        if check.verdict != "pass":
            yield f"- **{MARKS[check.verdict]}**: {escape(check.text, most=1500)}"
