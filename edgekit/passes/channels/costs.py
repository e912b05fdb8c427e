"""What a model costs when only some of its channels stay: multiply-accumulates and parameters.

One multiply-accumulate is one product added to a sum, as in Sze, Chen, Yang, Emer, "Efficient
Processing of Deep Neural Networks: A Tutorial and Survey" (Proc. IEEE 105(12), 2017), equation
(1): every entry of a convolution's kernel is multiplied once for each place of its output.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.passes.channels.ledger import Ids
from edgekit.passes.channels.wiring import Keep, Wiring


@dataclass(frozen=True, kw_only=True, eq=False)
class Share:
    """One variable's part of the costs.

    Args:
        fixed: Product of the sizes of the axes that no channels are along.
        along: Classes of the channels along each of the other axes.
        times: How often each entry is multiplied in one inference.
    """

    fixed: int
    along: tuple[Ids, ...]
    times: int

    def size(self, keep: Keep) -> int:
        """Return how many entries stay."""
        return self.fixed * math.prod(int(keep[classes].sum()) for classes in self.along)


class Costs:
    """The costs of a model, and of what each class of channels has a part in.

    Variables of layers without a known cut keep their size. Those that are matrices are taken to
    be multiplied once for each place of the layer's output, as in attention's projections.
    """

    def __init__(self, graph: Any, wiring: Wiring) -> None:
        self.shares = tuple(_shares(graph, wiring))
        self._parts: dict[int, list[int]] = defaultdict(list)
        for number, share in enumerate(self.shares):
            for found in np.unique(np.concatenate(share.along)) if share.along else ():
                self._parts[int(found)].append(number)

    def of(self, keep: Keep, among: Iterable[int] | None = None) -> tuple[int, int]:
        """Return MACs and parameters of all variables, or of some by their numbers."""
        macs = parameters = 0
        for number in range(len(self.shares)) if among is None else among:
            share = self.shares[number]
            size = share.size(keep)
            macs += size * share.times
            parameters += size
        return macs, parameters

    def touched(self, classes: Ids) -> frozenset[int]:
        """Return the numbers of the variables that classes have a part in."""
        return frozenset(number for found in classes.tolist() for number in self._parts[found])


def _shares(graph: Any, wiring: Wiring) -> Iterable[Share]:
    seen: set[int] = set()
    for node in graph.nodes:
        layer = node.layer
        if id(layer) in seen or not getattr(layer, "variables", None):
            continue
        seen.add(id(layer))
        known = wiring.knows(layer)
        cut = wiring.cuts[layer.name] if known else None
        works: dict[int, int] = defaultdict(int)
        for place, times in wiring.works.get(layer.name, ()) if known else ():
            works[place] += times
        counted = {id(variable) for variable in layer.weights}
        for place, variable in enumerate(layer.variables):
            if id(variable) not in counted:
                continue
            axes = cut.axes.get(place, {}) if cut else {}
            yield Share(
                fixed=math.prod(s for a, s in enumerate(variable.shape) if a not in axes),
                along=tuple(wiring.classes[ids] for ids in axes.values()),
                times=works[place] if cut else _times(graph, layer, variable),
            )


def _times(graph: Any, layer: Any, variable: Any) -> int:
    if len(variable.shape) < 2:
        return 0
    shapes: list[Sequence[int | None]] = [call.output.shape for call in graph.calls_of(layer)]
    return sum(math.prod(size or 1 for size in tuple(shape)[1:-1]) for shape in shapes)
