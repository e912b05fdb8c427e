"""Tables as the page's templates draw them: names from a model shortened and made visible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgekit.report import text

MOST = 300
"""Rows of one table; the rest is in report.json, and the table says so."""

Given = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is shown, and the number that it is sorted by, if it is one."""

    shown: str
    number: float | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption; ``more`` rows were left out. ``numeric`` columns stand right."""

    caption: str
    heading: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int]
    more: int = 0
    folded: bool = False


def table(
    caption: str, heading: Sequence[str], rows: Iterable[Sequence[Cell | Given]], *,
    most: int = MOST, fold: int = 30,
) -> Table | None:  # fmt: skip
    """Return a table of at most ``most`` rows, folded if there are more than ``fold``.

    None where there are no rows. A column of numbers alone is numeric.
    """
    every = list(rows)
    if not every:
        return None
    cells = tuple(tuple(_cell(one) for one in row) for row in every[:most])
    numeric = {
        at for at in range(len(heading))
        if any(row[at].number is not None for row in cells)
        and all(row[at].number is not None or row[at].shown in ("", "-") for row in cells)
    }  # fmt: skip
    return Table(
        caption=caption, heading=tuple(heading), rows=cells, numeric=frozenset(numeric),
        more=len(every) - len(cells), folded=len(cells) > fold,
    )  # fmt: skip


def _cell(given: Cell | Given) -> Cell:
    if isinstance(given, Cell):
        return given
    if given is None:
        return Cell(shown="-")
    if isinstance(given, str):
        return Cell(shown=text.visible(given, most=300))
    shown = f"{given:,}" if isinstance(given, int) else f"{given:.4g}"
    return Cell(shown=shown, number=float(given))
