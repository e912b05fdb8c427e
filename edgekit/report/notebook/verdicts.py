"""What is shown of a comparison, of a gate, and of a farm's run: of rooms above this one."""

from __future__ import annotations

from typing import Any

from edgekit.report import text
from edgekit.report.notebook.table import Page, noted, table

_MOST = 40
_MOST_LINE = 2000


def comparison(result: Any) -> Page:
    """Show each figure of a ``ComparisonResult`` that moved, or that cannot be told."""
    told = [one for one in result.differences if one.verdict != "same"]
    rows = [
        (f"{one.model}, {one.target}, {one.device}", one.metric, text.figure(one.before),
         text.figure(one.after, one.unit), one.verdict)
        for one in told[:_MOST]
    ]  # fmt: skip
    heading = ("where", "figure", "before", "after", "verdict")
    others = [("same", f"{len(result.differences) - len(told)} figures")]
    others += [("more", f"{len(told) - _MOST} figures")] if len(told) > _MOST else []
    others += [(one.metric, one.reason) for one in told[:_MOST] if one.reason]
    others += [("unmatched", line) for one in result.after for line in one.unmatched]
    return Page(
        title=text.visible(f"compared with {result.before}", most=_MOST_LINE),
        lines=(_named([one.name for one in result.after]),),
        tables=(table("", heading, rows, numbers=(2, 3)),) if rows else (),
        notes=noted(others),
    )


def gate(result: Any) -> Page:
    """Show the checks of a ``GateResult``, the gravest first, and its sentence."""
    ranked = result.ranked
    rows = [
        (one.rule, f"{one.model}, {one.target}, {one.device}", one.metric,
         text.figure(one.figure, one.unit),
         text.figure(one.limit, one.unit), one.verdict)
        for one in ranked[:_MOST]
    ]  # fmt: skip
    heading = ("rule", "where", "figure", "value", "limit", "verdict")
    more = [("more", f"{len(ranked) - _MOST} checks")] if len(ranked) > _MOST else []
    said = [(one.verdict, one.text) for one in ranked[:_MOST] if one.verdict != "pass"]
    return Page(
        title=text.visible(f"gate: {result.verdict}"),
        lines=(text.visible(result.sentence, most=_MOST_LINE),),
        tables=(table("", heading, rows, numbers=(3, 4)),) if rows else (),
        notes=noted([*said, *more]),
    )


def farm(result: Any) -> Page:
    """Show how many jobs of a ``FarmRun`` stand where, and what failed or missed a budget."""
    rows = [("done", str(result.done)), ("failed", str(result.failed)),
            ("done before", str(result.again))]  # fmt: skip
    missed = [("missed", line) for line in result.missed]
    return Page(
        title=text.visible(str(result.document), most=_MOST_LINE),
        tables=(table("", ("jobs", ""), rows, numbers=(1,)),),
        notes=noted([*missed, *(("fail", line) for line in result.failures)]),
    )


def _named(names: list[str]) -> str:
    return text.visible(text.brief(names), most=_MOST_LINE)
