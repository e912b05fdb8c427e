"""What a view draws as one: an operator, or neighbours that belong to one layer."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from edgekit.inspection.graph import Inspection, OperatorFacts


@dataclass(frozen=True, kw_only=True)
class Block:
    """Operators that are drawn as one, in order of execution.

    ``reads`` and ``writes`` are keys of tensors that come from, and go to, other blocks or the ends
    of the graph. ``name`` is the layer, or what layers have in common.
    """

    operators: tuple[OperatorFacts, ...]
    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def title(self) -> str:
        """The kinds of operators, and how many there are of each."""
        kinds = Counter(operator.kind for operator in self.operators)
        return ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in kinds.items())

    @property
    def precision(self) -> str:
        """In which numbers the operators compute, the costliest first."""
        macs: Counter[str] = Counter()
        for one in self.operators:
            macs[one.precision] += one.macs + (one.numbers != "none")
        return ", ".join(name for name, _ in macs.most_common())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all."""
        return sum(operator.macs for operator in self.operators)

    @property
    def weight_bytes(self) -> int:
        """Stored constants that they read."""
        return sum(operator.weight_bytes for operator in self.operators)

    @property
    def cost(self) -> float | None:
        """What they cost in the profile's unit; None where nobody has told."""
        told = [operator.cost.value for operator in self.operators if operator.cost]
        return sum(told) if told else None

    @property
    def share(self) -> float:
        """Their share of the cost of all operators, in [0, 1]."""
        return sum(operator.cost.share for operator in self.operators if operator.cost)

    @property
    def island(self) -> bool:
        """Whether any computes in float in a file that otherwise computes in integers."""
        return any(operator.island for operator in self.operators)

    @property
    def bodies(self) -> tuple[int, ...]:
        """The graphs that they run."""
        return tuple(body for operator in self.operators for body in operator.bodies)


def blocks(
    graph: Inspection, number: int = 0, *, depth: int | None = None, every: bool = False
) -> tuple[Block, ...]:
    """Return what to draw of one of the file's graphs, in order of execution.

    Args:
        graph: The file's.
        number: Which of its graphs.
        depth: Draw neighbours as one whose layers share that many parts of their names; None draws
            each operator.
        every: Whether operators that only prepare constants are drawn.
    """
    drawn = [one for one in graph.inside.get(number, []) if every or not one.prepares]
    groups = [[one] for one in drawn] if depth is None else _grouped(drawn, depth)
    made = {key: at for at, group in enumerate(groups) for one in group for key in one.outputs}
    ends, outside = map(set, graph.ends(number))
    for at, group in enumerate(groups):
        for one in group:
            outside.update(key for key in one.inputs if made.get(key, at) != at)
    known = {*made, *ends}
    return tuple(_block(group, known, outside, depth) for group in groups)


def _grouped(drawn: Sequence[OperatorFacts], depth: int) -> list[list[OperatorFacts]]:
    return [list(group) for _, group in groupby(drawn, lambda one: _opening(one.layer, depth))]


def _opening(layer: str, depth: int) -> str:
    return "/".join(layer.split("/", depth)[:depth])


def _block(
    group: Sequence[OperatorFacts], known: set[str], outside: set[str], depth: int | None
) -> Block:
    own = {key for one in group for key in one.outputs}
    reads = [key for one in group for key in one.inputs if key in known and key not in own]
    last = len(group) == 1
    return Block(
        operators=tuple(group),
        name=group[0].layer if depth is None else _opening(group[0].layer, depth),
        reads=tuple(dict.fromkeys(reads)),
        writes=tuple(key for one in group for key in one.outputs if last or key in outside),
    )


def matching(found: Sequence[Block], pattern: str) -> tuple[Block, ...]:
    """Return the blocks with an operator whose layer or kind fits a pattern.

    ``*``, ``?`` and ``[]`` are as in file names, case does not count; a pattern without them fits
    wherever it stands in the name.
    """
    return tuple(block for block in found if any(_fits(one, pattern) for one in block.operators))


def _fits(operator: OperatorFacts, pattern: str) -> bool:
    wild = pattern if any(char in pattern for char in "*?[") else f"*{pattern}*"
    names = (operator.layer, operator.kind, str(operator.index))
    return any(fnmatch.fnmatchcase(name.lower(), wild.lower()) for name in names[:2]) or (
        pattern == names[2]
    )


def neighbours(found: Sequence[Block]) -> Iterator[tuple[int, int, str]]:
    """Yield (from, to, key) for each tensor that one block gives to a later one."""
    maker: dict[str, int] = {}
    for at, block in enumerate(found):
        for key in block.reads:
            if key in maker:
                yield maker[key], at, key
        maker.update(dict.fromkeys(block.writes, at))
