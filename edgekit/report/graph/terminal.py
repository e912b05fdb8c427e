"""The graph of a file on a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from edgekit.inspection import Inspection
from edgekit.inspection.blocks import Block, blocks, matching
from edgekit.report import text
from edgekit.report.graph.lanes import END, Lanes
from edgekit.report.graph.words import cost_cell, count, figures, grid, size, tensor

WIDTH = 80
MOST = 200


def lines(
    graph: Inspection, *, pattern: str | None = None, depth: int | None = None, every: bool = False
) -> Iterator[str]:
    """Yield the graph, line by line: each operator in order of execution, with its branches.

    Args:
        graph: What to draw.
        pattern: Draw only operators whose layer or kind fits, without branches.
        depth: Draw neighbours as one whose layers share that many parts of their names.
        every: Draw also operators that only prepare constants, and more than 200 of them.
    """
    yield from _head(graph)
    shown, left = 0, 0
    for number in range(len(graph.graphs)):
        found = blocks(graph, number, depth=depth, every=every)
        found = matching(found, pattern) if pattern else found
        most = len(found) if every else max(MOST - shown, 0)
        if found and most:
            yield from _title(graph, number)
            some = found[:most]
            yield from _listed(graph, some) if pattern else _drawn(graph, some, found, number)
        shown, left = shown + len(found[:most]), left + len(found[most:])
    yield from _tail(graph, shown, left, pattern, every)


def _head(graph: Inspection) -> Iterator[str]:
    yield text.visible(
        f"{graph.path}: {text.FORMATS[graph.format]}, {graph.file_bytes:,} bytes", most=400
    )
    integer = f" ({text.share(graph.integer_mac_share)} integer)" if graph.macs else ""
    yield (
        f"{len(graph.operators):,} operators, {graph.macs:,} MACs{integer}, "
        f"weights {size(graph.weight_bytes)}"
    )
    if graph.profile is not None:
        said = f"{text.visible(graph.profile.device)}: {figures(graph.profile)}"
        yield from textwrap.wrap(said, WIDTH)


def _title(graph: Inspection, number: int) -> Iterator[str]:
    yield ""
    if number == 0:
        return
    yield text.visible(f"{graph.named(number)}:")


def _drawn(
    graph: Inspection, some: Sequence[Block], found: Sequence[Block], number: int
) -> Iterator[str]:
    starts, ends = graph.ends(number)
    lanes = Lanes(Counter([*(key for block in found for key in block.reads), *ends]))
    for key in starts:
        yield from _ended(graph, lanes, "input", key, writes=(key,))
    for block in some:
        drawing = lanes.step(block.reads, block.writes)
        own = next(at for at, line in enumerate(drawing) if "●" in line)
        yield from drawing[:own]
        yield from _described(graph, block, drawing[own], drawing[own + 1 :], lanes.below())
    if len(some) == len(found):
        for key in ends:
            yield from _ended(graph, lanes, "output", key, reads=(key,))


def _ended(
    graph: Inspection, lanes: Lanes, what: str, key: str, *,
    reads: Sequence[str] = (), writes: Sequence[str] = (),
) -> Iterator[str]:  # fmt: skip
    *joined, drawing = lanes.step(reads, writes, END)
    yield from joined
    said = graph.tensor(key)
    yield from _fitted(f"{drawing} {what} {said.name}", tensor(said), more=lanes.below())


def _described(
    graph: Inspection, block: Block, drawing: str, after: Sequence[str], below: str
) -> Iterator[str]:
    one = block.operators[0]
    index = (
        str(one.index) if len(block.operators) == 1 else f"{one.index}-{block.operators[-1].index}"
    )
    yield from _fitted(
        f"{drawing} {index} {block.title}", _figures(block), more=below or " ", name=block.name
    )
    beside = below if not after else ""
    room = max(len(line) for line in (*after, beside, ""))
    lead = [*after, beside] if after else [beside]
    detail = _shapes(graph, block)
    if block.island:
        detail.append(f"float: {block.operators[0].why}")
    for at, line in enumerate(detail):
        side = lead[at] if at < len(lead) else below
        yield _cut(f"{side.ljust(room if after else len(below))}   {line}")
    yield from lead[len(detail) :] if after else ()


def _figures(block: Block) -> str:
    parts = [block.precision if len(block.precision) < 24 else f"{block.precision[:22]}…"]
    parts += [f"{count(block.macs)} MACs"] if block.macs else []
    parts += [size(block.weight_bytes)] if block.weight_bytes else []
    return "  ".join([*parts, *cost_cell(block)])


def _shapes(graph: Inspection, block: Block) -> list[str]:
    """Return inputs and outputs with what they are quantized with."""
    reads = [graph.tensor(key) for key in block.reads]
    writes = [graph.tensor(key) for key in block.writes]
    given = " + ".join(tensor(one, short=True) for one in reads[:4]) or "constants"
    given += f" + {len(reads) - 4} more" if len(reads) > 4 else ""
    made = ", ".join(tensor(one) + grid(one) for one in writes[:3]) or "nothing"
    made += f", {len(writes) - 3} more" if len(writes) > 3 else ""
    whole = f"{given} -> {made}"
    return [whole] if len(whole) <= WIDTH - 16 else [given, f"-> {made}"]


def _listed(graph: Inspection, found: Sequence[Block]) -> Iterator[str]:
    for block in found:
        yield from _described(graph, block, "●", [], " ")


def _fitted(left: str, right: str, *, more: str, name: str = "") -> Iterator[str]:
    """Yield a line with both ends; where they do not fit, the name goes below."""
    left, right = text.printable(left), text.printable(right)
    room = WIDTH - len(left) - len(right) - 2
    shown = text.visible(name)
    if not shown or len(shown) + 1 <= room:
        whole = f"{left} {shown}".rstrip()
        gap = WIDTH - len(whole) - len(right)
        yield f"{whole}{' ' * gap}{right}" if gap >= 2 else _cut(f"{whole}  {right}")
        return
    yield _cut(f"{left}{' ' * max(WIDTH - len(left) - len(right), 2)}{right}")
    yield _cut(f"{more}   {shown}")


def _cut(line: str) -> str:
    return line.rstrip() if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _tail(
    graph: Inspection, shown: int, left: int, pattern: str | None, every: bool
) -> Iterator[str]:
    if not shown and pattern:
        layers = ", ".join(dict.fromkeys(one.layer for one in graph.operators if not one.prepares))
        yield text.visible(f"no operator fits {pattern!r}; layers: {layers}", most=400)
    aside = 0 if every else sum(one.prepares for one in graph.operators)
    said = [f"{left} more operators"] if left else []
    said += [f"{aside} that only prepare constants"] if aside else []
    if said:
        yield ""
        yield f"not shown: {' and '.join(said)} (--all)"
