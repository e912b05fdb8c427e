"""What a notebook is shown: lines and tables, some of whose cells are bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgekit.report.text import visible

_MOST_LINE = 2000


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar as long as ``share``, in [0, 1], says, with the figure that it stands for.

    ``low`` and ``high`` are the ends of an interval, as shares too.
    """

    share: float
    text: str
    low: float | None = None
    high: float | None = None


Cell = str | Bar


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows below a heading; columns whose numbers are in ``numbers`` are aligned to the right."""

    title: str
    heading: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A title, lines, tables, and notes as (kind, text)."""

    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


def table(
    title: str, heading: Sequence[str], rows: Iterable[Sequence[Cell]], *,
    numbers: Sequence[int] = (),
) -> Table:  # fmt: skip
    """Return a table whose cells are of one line each, and hold nothing that is not to be seen."""
    return Table(
        title=title,
        heading=tuple(heading),
        rows=tuple(
            tuple(cell if isinstance(cell, Bar) else visible(cell) for cell in row) for row in rows
        ),
        numbers=tuple(numbers),
    )


def bars(
    figures: Sequence[float | None], texts: Sequence[str],
    intervals: Sequence[tuple[float | None, float | None]] = (),
) -> list[Cell]:  # fmt: skip
    """Return a bar for each figure, the longest for the largest; a dash for one that is missing."""
    highest = [high for _, high in intervals if high is not None]
    most = max([*(figure for figure in figures if figure is not None), *highest], default=0.0)
    found: list[Cell] = []
    for at, (figure, text) in enumerate(zip(figures, texts, strict=True)):
        if figure is None:
            found.append("-")
            continue
        low, high = intervals[at] if intervals else (None, None)
        ends = [None if end is None else _share(end, most) for end in (low, high)]
        found.append(Bar(share=_share(figure, most), text=text, low=ends[0], high=ends[1]))
    return found


def _share(figure: float, most: float) -> float:
    """Return a share of the largest; what is negative or not a number has no bar."""
    if not most > 0 or math.isnan(figure):
        return 0.0
    return 1.0 if math.isinf(most) else min(max(figure / most, 0.0), 1.0)


def noted(said: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return notes, each on one line."""
    return tuple((kind, visible(line, most=_MOST_LINE)) for kind, line in said)
