"""A random choice of what a layer reads and makes, small enough to keep in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.linear.layout import Layout
from edgekit.passes.linear.taps import gather, window_of
from edgekit.passes.linear.view import Linear
from edgekit.passes.linear.walk import Batches

Array = NDArray[Any]
_MOST_VALUES = 16 * 2**20
_LEAST_PLACES, _MOST_PLACES = 2048, 16384


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """What a kernel reads at the same places in two models: (n, taps, channels)."""

    exact: Array
    changed: Array


def count_of(layout: Layout, each: int = 4) -> int:
    """Return how many places are enough to learn a kernel, and still fit into memory.

    ``each`` are those for each weight of an output channel.
    """
    read = layout.taps * layout.inputs * layout.groups
    wanted = each * layout.taps * layout.inputs
    return int(np.clip(min(wanted, _MOST_VALUES // read), _LEAST_PLACES, _MOST_PLACES))


def patches(
    view: Linear, exact: Batches, changed: Batches, generator: Any, *, each: int = 4
) -> Patches:
    """Return what the first kernel of a layer reads at random places of its output.

    As many places of each batch as samples in it, ``each`` for each weight; at most all.
    """
    found = list(_patches(view, exact, changed, generator, each))
    return Patches(
        exact=np.concatenate([one for one, _ in found]),
        changed=np.concatenate([other for _, other in found]),
    )


def _patches(
    view: Linear, exact: Batches, changed: Batches, generator: Any, each: int
) -> Iterator[tuple[Array, Array]]:
    wanted = count_of(view.kernels[0].layout, each)
    samples = sum(len(batch) for batch in exact)
    for one, other in zip(exact, changed, strict=True):
        count = -(-wanted * len(one) // samples)
        sizes = outputs_of(view, one.shape)
        places = _places((len(one), *sizes), count, generator)
        layout = view.kernels[0].layout
        window = window_of(view.layer, layout, one.ndim - 2)
        yield (
            gather(_channels_last(view, one), places, window, sizes),
            gather(_channels_last(view, other), places, window, sizes),
        )


def outputs_of(view: Linear, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the spatial size of a layer's output."""
    made = [int(size) for size in view.layer.compute_output_shape(tuple(shape))]
    made.pop(view.axis(len(made)))
    return tuple(made[1:])


def _places(sizes: tuple[int, ...], count: int, generator: Any) -> Array:
    total = int(np.prod(sizes))
    chosen = generator.choice(total, size=min(count, total), replace=False)
    return np.stack(np.unravel_index(chosen, sizes), axis=1)


def _channels_last(view: Linear, values: Array) -> Array:
    return np.moveaxis(values, view.axis(values.ndim), -1)
