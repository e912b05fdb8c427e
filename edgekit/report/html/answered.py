"""The confusion matrix before and after, and the samples that flipped, for the templates."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.report import text
from edgekit.report.details import Answers, Flip
from edgekit.report.html.table import Cell, Table, table

MOST_CLASSES = 20
_MOST_PAIRS = 25


@dataclass(frozen=True, kw_only=True)
class Square:
    """How often a class was taken for another; ``shade`` in [0, 1] is its share of the row."""

    count: int
    change: int
    shade: float
    right: bool


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A row a class, a column an answer."""

    caption: str
    rows: tuple[tuple[Square, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Flipped:
    """Samples whose answer flipped in one direction: how many, and the first of them."""

    title: str
    count: int
    shown: tuple[Flip, ...]


def named(found: Answers, at: int) -> str:
    """Return a class as its number, with its name where that is known."""
    if at < len(found.class_names) and found.class_names[at]:
        return f"{at} {text.visible(found.class_names[at], most=40)}"
    return str(at)


def matrices(found: Answers) -> list[Matrix]:
    """Return both matrices; none where there are too many classes to look at."""
    if found.classes > MOST_CLASSES or found.rest:
        return []
    then = {(one.actual, one.answer): one.before for one in found.tallies}
    now = {(one.actual, one.answer): one.after for one in found.tallies}
    return [
        Matrix(caption="Source model", rows=_rows(found.classes, then, then)),
        Matrix(caption="Artifact", rows=_rows(found.classes, now, then)),
    ]


def _rows(
    classes: int, counts: dict[tuple[int, int], int], then: dict[tuple[int, int], int]
) -> tuple[tuple[Square, ...], ...]:
    rows = []
    for actual in range(classes):
        held = [counts.get((actual, answer), 0) for answer in range(classes)]
        whole = sum(held) or 1
        rows.append(tuple(
            Square(count=count, change=count - then.get((actual, answer), 0),
                   shade=count / whole, right=actual == answer)
            for answer, count in enumerate(held)
        ))  # fmt: skip
    return tuple(rows)


def changes(found: Answers) -> Table | None:
    """Return the pairs of class and answer that changed most, mistakes only."""
    wrong = [one for one in found.tallies if one.actual != one.answer and one.before != one.after]
    ranked = sorted(wrong, key=lambda one: -abs(one.after - one.before))[:_MOST_PAIRS]
    rows = (
        (_class(found, one.actual), _class(found, one.answer), one.before, one.after,
         one.after - one.before)
        for one in ranked
    )  # fmt: skip
    return table("Mistakes that became more or fewer",
                 ("class", "taken for", "was", "is", "change"), rows)  # fmt: skip


def _class(found: Answers, at: int) -> Cell:
    return Cell(shown=named(found, at), number=float(at))


def flipped(found: Answers) -> list[Flipped]:
    """Return the samples that became wrong, and those that became right."""
    return [
        Flipped(title="Became wrong", count=found.became_wrong, shown=found.to_wrong),
        Flipped(title="Became right", count=found.became_right, shown=found.to_right),
    ]
