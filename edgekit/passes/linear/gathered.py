"""The kernels of links as arrays that can be balanced, and back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgekit.passes.balance import Pair, Weights
from edgekit.passes.linear.links import Link
from edgekit.passes.linear.view import Kernel, Linear


def gathered(found: Sequence[Link]) -> tuple[list[Pair], Callable[[], None]]:
    """Return a pair for each link, in order, and a function that writes them back.

    Pairs within separable convolutions, between their two kernels, follow behind.
    """
    table = _Table()
    pairs = [_pair(table, link) for link in found]
    for view in table.views:
        if len(view.kernels) > 1:
            pairs.append(Pair(maker=table.of(view, 0), readers=[(table.of(view, 1), 1)]))
    return pairs, table.write


def _pair(table: _Table, link: Link) -> Pair:
    maker = table.of(link.view, len(link.view.kernels) - 1)
    return Pair(maker=maker, readers=[(table.of(r.view, 0), r.copies) for r in link.readers])


class _Table:
    """One array for each kernel, however many links it is part of."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Linear, Kernel, Weights]] = {}

    @property
    def views(self) -> list[Linear]:
        return list({id(view.layer): view for view, _, _ in self._known.values()}.values())

    def of(self, view: Linear, place: int) -> Weights:
        key = (id(view.layer), place)
        if key not in self._known:
            kernel = view.kernels[place]
            last = place == len(view.kernels) - 1
            bias = view.bias if last else np.zeros(kernel.layout.groups * kernel.layout.outputs)
            weights = Weights(layout=kernel.layout, matrices=kernel.read(), bias=bias)
            self._known[key] = (view, kernel, weights)
        return self._known[key][2]

    def write(self) -> None:
        for view, kernel, weights in self._known.values():
            kernel.write(weights.matrices)
            if kernel is view.kernels[-1] and view.layer.bias is not None:
                view.layer.bias.assign(weights.bias.astype(np.float32))
