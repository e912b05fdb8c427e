"""A graph as boxes and lines, with what stands in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekit.inspection import Inspection
from edgekit.inspection.blocks import Block, blocks, neighbours
from edgekit.report import text
from edgekit.report.graph.layout import Layout, Sizes, laid_out, path
from edgekit.report.graph.words import cost, count, grid, size, tensor

ABOVE = 34.0
"""Pixels above each graph, for its title: boxes lie below, lines are told from there on."""

_BETWEEN = 60.0
_MARGIN = 16.0
_LETTERS = 32
_LETTER = 8.5  # width of a letter in a title, in pixels


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box at its upper left corner. ``kind`` is its look; ``bar`` how long its bar is, 0 to 1.

    ``row`` is the number of its row in the table; None for inputs and outputs. ``stubs`` says which
    neighbours are too far away for a line.
    """

    x: float
    y: float
    kind: str
    title: str
    name: str
    figures: str
    said: str
    bar: float = 0.0
    island: bool = False
    row: int | None = None
    stubs: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """An edge: its path, and the tensor that goes along it."""

    path: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the file's graphs, at its place in the picture."""

    x: float
    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    rows: tuple[tuple[int, Block], ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All graphs of a file side by side, the main one first; sizes in pixels."""

    parts: tuple[Part, ...]
    width: float
    height: float
    sizes: Sizes


def picture(graph: Inspection, *, depth: int | None = None, every: bool = False) -> Picture:
    """Lay out every graph of a file; see ``blocks`` for ``depth`` and ``every``.

    Raises:
        OptionError: a graph has more boxes than can be drawn.
        MissingExtra: fast-sugiyama is not installed.
    """
    sizes = Sizes()
    parts = []
    left, deepest, row = _MARGIN, 0.0, 0
    for number in range(len(graph.graphs)):
        found = blocks(graph, number, depth=depth, every=every)
        if not found and number:
            continue
        drawn = _Drawn(graph, found, number)
        layout = laid_out(len(drawn.ends) + len(found), drawn.edges(), sizes)
        parts.append(drawn.part(layout, sizes, left, row))
        row += len(found)
        left += layout.width + _BETWEEN
        deepest = max(deepest, layout.height)
    return Picture(
        parts=tuple(parts),
        width=left - _BETWEEN + _MARGIN,
        height=deepest + ABOVE + _MARGIN,
        sizes=sizes,
    )


class _Drawn:
    """One graph on its way to the picture: inputs, then operators, then outputs."""

    def __init__(self, graph: Inspection, found: Sequence[Block], number: int) -> None:
        self.graph, self.found, self.number = graph, found, number
        self.inputs, self.outputs = graph.ends(number)
        self.ends = (*self.inputs, *self.outputs)
        self.most = max((_weight(graph, block) for block in found), default=0.0) or 1.0
        self.tensors: dict[tuple[int, int], str] = {}

    def edges(self) -> list[tuple[int, int]]:
        """Return the edges between boxes, and remember which tensor goes along each."""
        first = len(self.inputs)
        last = first + len(self.found)
        makers = {key: at for at, key in enumerate(self.inputs)}
        for at, block in enumerate(self.found, first):
            for key in block.reads:
                if (made := makers.get(key, first)) < first:
                    self.tensors[made, at] = key
            makers.update(dict.fromkeys(block.writes, at))
        for source, target, key in neighbours(self.found):
            self.tensors[source + first, target + first] = key
        for at, key in enumerate(self.outputs, last):
            if key in makers:
                self.tensors[makers[key], at] = key
        return list(self.tensors)

    def part(self, layout: Layout, sizes: Sizes, left: float, row: int) -> Part:
        """Return the graph at its place."""
        cut: dict[int, list[int]] = {}
        for source, target in layout.cut:
            cut.setdefault(source, []).append(target)
        boxes = [
            self._box(at, x - sizes.width / 2, y - sizes.height / 2 + ABOVE, row, cut.get(at, ()))
            for at, (x, y) in enumerate(layout.boxes)
        ]
        lines = (
            Line(path=path(layout, edge, sizes), said=self._tensor(key))
            for edge, key in self.tensors.items()
            if edge in layout.bends
        )
        return Part(
            x=left,
            title=self._title(layout.width),
            boxes=tuple(boxes),
            lines=tuple(lines),
            rows=tuple(enumerate(self.found, row)),
        )

    def _title(self, width: float) -> str:
        return text.visible(self.graph.named(self.number), most=int(width / _LETTER))

    def _tensor(self, key: str) -> str:
        one = self.graph.tensor(key)
        return f"{text.visible(one.name)}: {tensor(one)}{grid(one)}"

    def _box(self, at: int, x: float, y: float, row: int, far: Sequence[int]) -> Box:
        first = len(self.inputs)
        if first <= at < first + len(self.found):
            block = self.found[at - first]
            return _operator(self.graph, block, x, y, row + at - first, self.most, self._far(far))
        what = "input" if at < first else "output"
        key = self.inputs[at] if at < first else self.outputs[at - first - len(self.found)]
        one = self.graph.tensor(key)
        return Box(
            x=x, y=y, kind="end", title=what, name=text.visible(one.name, most=_LETTERS),
            figures=tensor(one), said=self._tensor(key), stubs=self._far(far),
        )  # fmt: skip

    def _far(self, far: Sequence[int]) -> str:
        first = len(self.inputs)
        named = [
            str(self.found[at - first].operators[0].index) if at < first + len(self.found)
            else "output" for at in far
        ]  # fmt: skip
        return text.brief(named, 8)


def _weight(graph: Inspection, block: Block) -> float:
    return (block.cost or 0.0) if graph.profile else float(block.macs)


def _operator(
    graph: Inspection, block: Block, x: float, y: float, row: int, most: float, far: str
) -> Box:
    one = block.operators[0]
    kinds = {operator.numbers for operator in block.operators}
    look = "float" if "float" in kinds else "integer" if "integer" in kinds else "none"
    title = text.visible(f"{one.index} {block.title}", most=_LETTERS - 2)
    return Box(
        x=x,
        y=y,
        kind=look,
        title=title,
        name=_middle(text.visible(block.name), _LETTERS),
        figures=text.visible(" · ".join(_figures(block)), most=_LETTERS + 4),
        said="\n".join(_said(graph, block)),
        bar=_weight(graph, block) / most,
        island=block.island,
        row=row,
        stubs=far,
    )


def _figures(block: Block) -> Iterator[str]:
    yield block.precision.split(", ")[0]
    if block.cost is not None:
        yield text.share(block.share)
    if block.macs:
        yield f"{count(block.macs)} MACs"
    elif block.weight_bytes:
        yield size(block.weight_bytes)


def _said(graph: Inspection, block: Block) -> Iterator[str]:
    """Yield what is shown of an operator when it is pointed at."""
    yield text.visible(f"{block.operators[0].index} {block.title}: {block.name}")
    yield text.visible(f"computes in {block.precision}")
    for what, keys in (("reads", block.reads), ("writes", block.writes)):
        for key in keys[:4]:
            one = graph.tensor(key)
            yield f"{what} {text.visible(one.name, most=60)}: {tensor(one)}{grid(one)}"
    yield f"{block.macs:,} MACs, weights {size(block.weight_bytes)}"
    if block.cost is not None and graph.profile is not None:
        yield f"{cost(block.cost, graph.profile.unit)}, {text.share(block.share)} of all operators"
    if block.island:
        yield text.visible(f"float among integers: {block.operators[0].why}", most=400)


def _middle(name: str, most: int) -> str:
    """Return a name whose middle is left out where it is too long: its end tells most."""
    keep = most - 1
    return (
        name
        if len(name) <= most
        else f"{name[: keep // 3]}…{name[len(name) - (keep - keep // 3) :]}"
    )
