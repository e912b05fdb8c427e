"""The file's graph in blocks: runs of operators alike, float islands apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from edgekit.auditing import AuditResult
from edgekit.auditing.result import Operator
from edgekit.report.html.pictures.canvas import Canvas, move

MOST = 60
_EACH = 40  # operators up to which every one is a block of its own
_WIDTH, _ROW, _LEFT = 560.0, 34.0, 64.0

Sort = Literal["integer", "float", "island", "none"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive operators of one sort; ``island`` is its number from 1, 0 for none."""

    sort: Sort
    operators: tuple[Operator, ...]
    island: int = 0


def numbers(found: AuditResult) -> dict[int, int]:
    """Return by operator, for those in a float island, its number from 1."""
    return {
        index: number
        for number, island in enumerate(found.float_islands, 1)
        for index in island.indices
    }


def blocks(found: AuditResult) -> list[Block]:
    """Return the operators in the file's order, constants left out.

    Of long files, neighbours of one sort are one block.
    """
    islands = numbers(found)
    done: list[Block] = []
    computed = [one for one in found.operators if not one.precision.startswith("constant")]
    for operator in computed:
        number = islands.get(operator.index, 0)
        sort: Sort = "island" if number else operator.numbers
        alike = done and (done[-1].sort, done[-1].island) == (sort, number)
        if alike and len(computed) > _EACH:
            last = done.pop()
            done.append(Block(sort=sort, island=number, operators=(*last.operators, operator)))
        else:
            done.append(Block(sort=sort, island=number, operators=(operator,)))
    return done


def joined(found: Sequence[Block], edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return which blocks read what others give, as places of blocks."""
    places = {
        operator.index: place for place, block in enumerate(found) for operator in block.operators
    }
    pairs = {(places[a], places[b]) for a, b in edges if a in places and b in places}
    return sorted(pair for pair in pairs if pair[0] != pair[1])


def draw(found: Sequence[Block], edges: Sequence[tuple[int, int]]) -> Markup:
    """Draw the first ``MOST`` blocks from top to bottom, and the ``edges`` of their operators.

    Edges to the next block are short lines, those that pass others by are arcs.
    """
    shown = found[:MOST]
    canvas = Canvas(_WIDTH, _ROW * len(shown) + 4, _said(found), "graph")
    for place, block in enumerate(shown):
        top = place * _ROW + 2
        canvas.box(_LEFT, top, _WIDTH - _LEFT - 2, _ROW - 8, f"block {block.sort}",
                   tip=_named(block))  # fmt: skip
        canvas.say_within(_LEFT, top, _WIDTH - _LEFT - 2, _ROW - 8, words(block), "on-block")
    for start, end in joined(shown, edges):
        if end == start + 1:
            canvas.line(_LEFT + 20, end * _ROW - 6, _LEFT + 20, end * _ROW + 2, "flow")
        else:
            _arc(canvas, start * _ROW + 15, end * _ROW + 15)
    return canvas.svg()


def words(block: Block) -> str:
    """Say what a block holds, such as ``island 1: EXP`` or ``7 operators: CONV_2D x5, ADD x2``."""
    if len(block.operators) == 1:
        (one,) = block.operators
        before = f"island {block.island}: " if block.island else ""
        return f"{before}{one.kind} · {one.precision} · {one.layer}"
    kinds = Counter(operator.kind for operator in block.operators)
    said = ", ".join(kind if count == 1 else f"{kind} x{count}" for kind, count in kinds.items())
    if block.island:
        return f"island {block.island}: {said}"
    return f"{len(block.operators)} operators: {said}"


def _arc(canvas: Canvas, first: float, last: float) -> None:
    reach = min(_LEFT - 8, 10 + abs(last - first) / 5)
    left = _LEFT - reach
    curve = f"C{left:.1f} {first:.1f} {left:.1f} {last:.1f} {_LEFT:.1f} {last:.1f}"
    canvas.path((move(_LEFT, first), curve), "arc")


def _named(block: Block) -> str:
    return ", ".join(dict.fromkeys(operator.layer for operator in block.operators))


def _said(found: Sequence[Block]) -> str:
    return "The graph in blocks, from input to output: " + "; ".join(map(words, found[:12]))
