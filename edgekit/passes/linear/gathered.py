"""The kernels of links as arrays that can be balanced, and back again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.passes.balance import Pair, Weights
from edgekit.passes.linear.layout import depthwise
from edgekit.passes.linear.links import Link, Maker
from edgekit.passes.linear.view import Linear


def gathered(found: Sequence[Link]) -> tuple[list[Pair], Callable[[], None]]:
    """Return a pair for each link, in order, and a function that writes them back.

    Pairs within separable convolutions, between their two kernels, follow behind.
    """
    table = _Table()
    pairs = [
        Pair(
            makers=[table.made_by(maker) for maker in link.makers],
            readers=[(table.of(reader.view, 0), reader.copies) for reader in link.readers],
        )
        for link in found
    ]
    for view in table.views:
        if len(view.kernels) > 1:
            pairs.append(Pair(makers=[table.of(view, 0)], readers=[(table.of(view, 1), 1)]))
    return pairs, table.write


class _Table:
    """One array for each kernel, however many links it is part of."""

    def __init__(self) -> None:
        self._kernels: dict[tuple[int, int], tuple[Linear, int, Weights]] = {}
        self._norms: list[tuple[Any, Weights]] = []

    @property
    def views(self) -> list[Linear]:
        return list({id(view.layer): view for view, _, _ in self._kernels.values()}.values())

    def made_by(self, maker: Maker) -> Weights:
        if maker.view is not None:
            return self.of(maker.view, len(maker.view.kernels) - 1)
        norm = maker.node.layer
        gamma, beta = (np.asarray(v.numpy(), np.float64) for v in (norm.gamma, norm.beta))
        layout = depthwise((len(gamma), 1))
        weights = Weights(layout=layout, matrices=gamma.reshape(-1, 1, 1), bias=beta)
        self._norms.append((norm, weights))
        return weights

    def of(self, view: Linear, place: int) -> Weights:
        key = (id(view.layer), place)
        if key not in self._kernels:
            kernel = view.kernels[place]
            last = place == len(view.kernels) - 1
            bias = view.bias if last else np.zeros(kernel.layout.groups * kernel.layout.outputs)
            weights = Weights(layout=kernel.layout, matrices=kernel.read(), bias=bias)
            self._kernels[key] = (view, place, weights)
        return self._kernels[key][2]

    def write(self) -> None:
        for view, place, weights in self._kernels.values():
            view.kernels[place].write(weights.matrices)
            if place == len(view.kernels) - 1 and view.layer.bias is not None:
                view.layer.bias.assign(weights.bias.astype(np.float32))
        for norm, weights in self._norms:
            norm.gamma.assign(weights.matrices.ravel().astype(np.float32))
            norm.beta.assign(weights.bias.astype(np.float32))
