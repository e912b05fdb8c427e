"""Which channels are one and the same, which may not leave, and which weights follow them.

Every position of every tensor's last axis has an id. Ids that are tied leave together or not at
all. A model is walked once; ties are only noted, and resolved at the end as connected components.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Places = tuple[int, int]


class Untreated(Exception):
    """Raised by a rule: the channels that this call touches have to stay; the text says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """How the weights and the configuration of a layer follow its channels.

    Args:
        axes: For each variable, by its place in ``layer.variables``, the ids along an axis.
        counts: Keys of the configuration that say how many channels there are. Of a list, such as
            a target shape, the last entry is meant.
        filters: Variable and axis whose slices make channels: what importance is taken from.
        scales: Variable and axis of the factors of a batch normalization.
        works: Variables and how often every one of their entries is multiplied in one inference.
        path: Where in the configuration ``counts`` are, for a layer in a layer.
    """

    axes: Mapping[int, Mapping[int, Ids]] = field(default_factory=dict)
    counts: Mapping[str, Ids] = field(default_factory=dict)
    filters: tuple[Places, ...] = ()
    scales: tuple[Places, ...] = ()
    works: tuple[tuple[int, int], ...] = ()
    path: tuple[str, ...] = ()

    def ids(self) -> list[Ids]:
        """Return the ids of all axes and counts, in a steady order."""
        along = [self.axes[place][axis] for place in self.axes for axis in self.axes[place]]
        return [*along, *self.counts.values()]


class Ledger:
    """What is known of the channels of a model so far."""

    def __init__(self) -> None:
        self.count = 0
        self.cuts: dict[int, Cut] = {}
        self.layers: dict[int, Any] = {}
        self.works: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.frozen: list[tuple[Ids, str]] = []
        self._made: dict[int, Ids] = {}
        self._ties: list[tuple[Ids, Ids]] = []

    def fresh(self, count: int) -> Ids:
        """Return ids that nothing has had before."""
        self.count += count
        return np.arange(self.count - count, self.count, dtype=np.int64)

    def made(self, layer: Any, count: int) -> Ids:
        """Return the ids of the channels that a layer makes: the same at each of its calls."""
        if id(layer) not in self._made:
            self._made[id(layer)] = self.fresh(count)
            self.layers[id(layer)] = layer
        return self._made[id(layer)]

    def makers(self) -> list[tuple[Any, Ids]]:
        """Return every layer that makes channels, and their ids."""
        return [(self.layers[key], ids) for key, ids in self._made.items()]

    def tie(self, first: Ids, second: Ids) -> None:
        """Note that channels are the same, one by one.

        Raises:
            Untreated: there are not equally many.
        """
        if len(first) != len(second):
            raise Untreated(f"{len(first)} channels meet {len(second)}")
        if first is not second:
            self._ties.append((first, second))

    def freeze(self, ids: Ids, reason: str) -> None:
        """Note that channels have to stay, and why."""
        self.frozen.append((ids, reason))

    def cut(self, layer: Any, cut: Cut) -> None:
        """Note how a layer follows its channels; what a shared layer's calls read is tied."""
        self.layers[id(layer)] = layer
        first = self.cuts.setdefault(id(layer), cut)
        for old, new in zip(first.ids(), cut.ids(), strict=True):
            self.tie(old, new)
        self.works[id(layer)].extend(cut.works)

    def classes(self) -> Ids:
        """Return the class of every id: ids of a class leave together. Numbered from 0."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        none = np.zeros(0, np.int64)
        rows = np.concatenate([first for first, _ in self._ties] or [none])
        columns = np.concatenate([second for _, second in self._ties] or [none])
        links = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), [self.count] * 2)
        found: Ids = connected_components(links, directed=False)[1].astype(np.int64)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """A call as rules see it.

    Args:
        node: The ``graph.Node``.
        layer: Whose channels are followed: the node's layer, or the one that it wraps.
        given: Ids along the last axis of each input.
        path: Where the configuration of ``layer`` is in that of the node's layer.
    """

    node: Any
    layer: Any
    given: tuple[Ids, ...]
    path: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of the first input, without the steps that a wrapper goes through."""
        return self._inner(self.node.inputs[0].shape)

    @property
    def result(self) -> tuple[int | None, ...]:
        """The shape of the first output, likewise."""
        return self._inner(self.node.output.shape)

    def places(self, shape: tuple[int | None, ...]) -> int:
        """Return how many places ``shape`` has for each sample and channel; open axes count 1."""
        steps = self.node.output.shape[1] or 1 if self.path else 1
        return int(math.prod(size or 1 for size in shape[1:-1]) * steps)

    def _inner(self, shape: Any) -> tuple[int | None, ...]:
        sizes = tuple(shape)
        return (sizes[0], *sizes[2:]) if self.path else sizes


Rule = Callable[[Call, Ledger], Ids]
"""Returns the ids of a call's only output, and notes what follows from it in the ledger."""
