"""Where the boxes and lines of a picture of a graph lie."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgekit.errors import MissingExtra, OptionError

MOST_BOXES = 5000
_MOST_BENDS = 20_000
_SPACING = 100.0
Point = tuple[float, float]
Edge = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of boxes and of the room between them, in pixels."""

    width: float = 208.0
    height: float = 58.0
    across: float = 34.0
    down: float = 40.0


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The middle of each box, and the bends of each edge from top to bottom, in pixels.

    ``cut`` are edges that are too long to be drawn among so many.
    """

    boxes: tuple[Point, ...]
    bends: Mapping[Edge, tuple[Point, ...]]
    cut: tuple[Edge, ...]
    width: float
    height: float


def laid_out(count: int, edges: Iterable[Edge], sizes: Sizes) -> Layout:
    """Lay out boxes in rows, so that every edge goes down and few cross (Sugiyama's method).

    Args:
        count: How many boxes there are.
        edges: From one box to a later one.
        sizes: Of boxes and gaps.

    Raises:
        OptionError: there are more than 5,000 boxes.
        MissingExtra: fast-sugiyama is not installed.
    """
    if count > MOST_BOXES:
        raise OptionError(
            f"expected at most {MOST_BOXES:,} boxes in a picture, got {count:,}; draw neighbours "
            "as one with --depth"
        )
    drawn, cut = _affordable(count, sorted(set(edges)))
    placed: list[Point] = [(0.0, 0.0)] * count
    bends: dict[Edge, tuple[Point, ...]] = {}
    left = sizes.width / 2
    deepest = 0.0
    for points, chains, width, depth in _components(count, drawn, sizes):
        for box, (x, y) in points.items():
            placed[box] = (left + x, y + sizes.height / 2)
        for edge, through in chains.items():
            bends[edge] = tuple((left + x, y + sizes.height / 2) for x, y in through)
        left += width + sizes.width + sizes.across
        deepest = max(deepest, depth)
    return Layout(
        boxes=tuple(placed),
        bends=bends,
        cut=tuple(cut),
        width=max(left - sizes.width / 2 - sizes.across, sizes.width),
        height=deepest + sizes.height,
    )


def _affordable(count: int, edges: Sequence[Edge]) -> tuple[list[Edge], list[Edge]]:
    """Part edges in those that are drawn and the longest, where all would need too many bends."""
    rank = [0] * count
    for source, target in edges:  # sorted by source: whatever leads to it is known
        rank[target] = max(rank[target], rank[source] + 1)
    by_length = sorted(edges, key=lambda edge: (rank[edge[1]] - rank[edge[0]], edge))
    left = _MOST_BENDS
    for at, (source, target) in enumerate(by_length):
        left -= rank[target] - rank[source] - 1
        if left < 0:
            return sorted(by_length[:at]), sorted(by_length[at:])
    return list(edges), []


Solution = tuple[list[tuple[int, Point]], float, float, list[Edge]]
Component = tuple[dict[int, Point], dict[Edge, tuple[Point, ...]], float, float]


def _components(count: int, edges: Sequence[Edge], sizes: Sizes) -> Iterable[Component]:
    """Yield boxes and bends of each connected part, from its own left edge on."""
    across = (sizes.width + sizes.across) / _SPACING
    down = (sizes.height + sizes.down) / _SPACING
    alone = set(range(count))
    for part in _parts(count, edges):
        # Each part for itself and numbered densely: bends get the numbers beyond its boxes.
        joined = sorted({end for edge in part for end in edge})
        alone.difference_update(joined)
        dense = {box: at for at, box in enumerate(joined)}
        for points, _, height, joints in _solved([(dense[a], dense[b]) for a, b in part]):
            least = min(x for _, (x, _) in points)
            where = {at: ((x - least) * across, (height - y) * down) for at, (x, y) in points}
            boxes = {joined[at]: point for at, point in where.items() if at < len(joined)}
            width = max(x for x, _ in where.values())
            yield boxes, _chains(joints, where, joined), width, height * down
    for box in sorted(alone):
        yield {box: (0.0, 0.0)}, {}, 0.0, 0.0


def _parts(count: int, edges: Sequence[Edge]) -> list[list[Edge]]:
    """Return the edges of each connected part, in the order of the parts' first edges."""
    root = list(range(count))

    def found(box: int) -> int:
        while root[box] != box:
            root[box] = box = root[root[box]]
        return box

    for source, target in edges:
        root[found(source)] = found(target)
    parts: dict[int, list[Edge]] = {}
    for edge in edges:
        parts.setdefault(found(edge[0]), []).append(edge)
    return list(parts.values())


def _solved(edges: Sequence[Edge]) -> Iterable[Solution]:
    """Return the layout of one part; bends have numbers beyond those of its boxes."""
    try:
        fast_sugiyama = importlib.import_module("fast_sugiyama")
    except ImportError as error:
        raise MissingExtra("fast-sugiyama", "picture") from error
    found: Iterable[Solution] = fast_sugiyama.from_edges(
        list(edges), vertex_spacing=_SPACING, dummy_vertices=True, dummy_size=0.2,
        check_layout=False,
    )  # fmt: skip
    return found


def _chains(
    joints: Iterable[Edge], where: Mapping[int, Point], joined: Sequence[int]
) -> dict[Edge, tuple[Point, ...]]:
    """Put the bends of each edge in order."""
    count = len(joined)
    after = {source: target for source, target in joints if source >= count}
    chains: dict[Edge, tuple[Point, ...]] = {}
    for source, target in joints:
        if source >= count:
            continue
        through = []
        while target >= count:
            through.append(where[target])
            target = after[target]
        chains[joined[source], joined[target]] = tuple(through)
    return chains


def path(layout: Layout, edge: Edge, sizes: Sizes) -> str:
    """Return the path of an edge in SVG: straight past other rows, curved between them."""
    half = sizes.height / 2
    (x, y), end = layout.boxes[edge[0]], layout.boxes[edge[1]]
    y += half
    drawn = f"M{x:.0f} {y:.0f}"
    for bend_x, bend_y in layout.bends[edge]:
        drawn += _curve(x, y, bend_x, bend_y - half) + f"V{bend_y + half:.0f}"
        x, y = bend_x, bend_y + half
    return drawn + _curve(x, y, end[0], end[1] - half)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if abs(x - to_x) < 0.5:
        return f"V{to_y:.0f}"
    middle = (y + to_y) / 2
    return f"C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y:.0f}"
