"""What a benchmark gives: rows that say what was measured, beside what, and against which bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["met", "missed", ""]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of edgekit, the peer's, and the bar.

    The bar is for ``ratio`` (edgekit / peer) where there is one, else for ``edgekit`` itself.
    ``at_least`` turns it round: more is better. ``problem`` says why there is no figure, which
    misses every bar.
    """

    what: str
    unit: str = ""
    edgekit: float | None = None
    peer: float | None = None
    peer_name: str = ""
    bar: float | None = None
    bar_on: Literal["ratio", "figure", "difference"] = "ratio"
    at_least: bool = False
    note: str = ""
    problem: str = ""

    @property
    def ratio(self) -> float | None:
        """What edgekit takes, in units of what the peer takes."""
        return self.edgekit / self.peer if self.edgekit is not None and self.peer else None

    @property
    def judged(self) -> float | None:
        """The number that the bar is for."""
        if self.bar_on == "difference":
            known = self.edgekit is not None and self.peer is not None
            return (self.edgekit or 0.0) - (self.peer or 0.0) if known else None
        return self.ratio if self.bar_on == "ratio" else self.edgekit

    @property
    def verdict(self) -> Verdict:
        """Whether the bar is met; nothing where there is none."""
        if self.problem:
            return "missed"
        if self.bar is None:
            return ""
        number = self.judged
        if number is None:
            return "missed"
        kept = number >= self.bar if self.at_least else number <= self.bar
        return "met" if kept else "missed"


HEAD = ("what", "edgekit", "peer", "ratio", "bar", "verdict", "note")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as text, in the order of ``HEAD``."""
    sign = ">=" if row.at_least else "<="
    bar = {"ratio": "{}x", "figure": "{} " + row.unit, "difference": "+{} " + row.unit}[row.bar_on]
    peer = f"{show(row.peer)} {row.unit}".strip() if row.peer is not None else ""
    return (
        row.what,
        f"{show(row.edgekit)} {row.unit}".strip() if row.edgekit is not None else "-",
        f"{peer} ({row.peer_name})" if peer and row.peer_name else peer,
        f"{row.ratio:.2f}x" if row.ratio is not None and row.bar_on == "ratio" else "",
        f"{sign} {bar.format(f'{row.bar:g}').strip()}" if row.bar is not None else "",
        row.verdict,
        row.problem or row.note,
    )


def show(number: float | None) -> str:
    """Return a number with three digits that count."""
    if number is None:
        return ""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, aligned for a terminal too."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    texts = [_line(line, widths) for line in lines]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts)


def _line(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text.replace("|", "/").ljust(width) for text, width in zip(line, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
