"""Balances the ranges of channels between neighbouring kernels. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.linear.layout import (
    Layout,
    input_ranges,
    output_ranges,
    scale_inputs,
    scale_outputs,
)

Array = NDArray[Any]
_LIMIT = 1e4


@dataclass(kw_only=True, eq=False)
class Weights:
    """A kernel in canonical form, and the bias of the channels that it makes."""

    layout: Layout
    matrices: Array
    bias: Array


@dataclass(kw_only=True, eq=False)
class Pair:
    """A kernel and those that read its channels: (kernel, copies of the channels).

    ``factors`` are what the channels have been divided by so far.
    """

    maker: Weights
    readers: Sequence[tuple[Weights, int]]
    factors: Array = field(default_factory=lambda: np.ones(1))


def equalizing_factors(first: Array, second: Array) -> Array:
    """Return what to divide each channel by: Nagel et al. 2019, eq. 11.

    s = sqrt(r1 r2) / r2, after which both ranges of a channel are sqrt(r1 r2). 1 where a range is
    0: such a channel carries nothing.

    Args:
        first: max |w| of each channel where it is made.
        second: max |w| of each channel where it is read.
    """
    usable = (first > 0) & (second > 0)
    ratio = np.where(usable, first, 1.0) / np.where(usable, second, 1.0)
    return np.asarray(np.clip(np.sqrt(ratio), 1 / _LIMIT, _LIMIT))


def equalize(pairs: Sequence[Pair], rounds: int, tolerance: float = 1e-3) -> int:
    """Balance all pairs in place, round after round, until no factor is off 1 by ``tolerance``.

    Returns:
        How many rounds it took; at most ``rounds``.
    """
    for number in range(rounds):
        largest = 0.0
        for pair in pairs:
            factors = balance(pair)
            largest = max(largest, float(np.abs(np.log(factors)).max()))
        if largest < tolerance:
            return number + 1
    return rounds


def balance(pair: Pair) -> Array:
    """Balance one pair in place; return the factors that its channels were divided by."""
    first = output_ranges(pair.maker.matrices)
    factors = equalizing_factors(first, _read_ranges(pair))
    divide(pair, factors)
    return factors


def divide(pair: Pair, factors: Array) -> None:
    """Divide channels where they are made, and multiply them where they are read."""
    maker = pair.maker
    pair.factors = pair.factors * factors
    maker.matrices = scale_outputs(maker.layout, maker.matrices, 1 / factors)
    maker.bias = maker.bias / factors
    for reader, copies in pair.readers:
        reader.matrices = scale_inputs(reader.layout, reader.matrices, np.tile(factors, copies))


def _read_ranges(pair: Pair) -> Array:
    ranges = [
        input_ranges(reader.layout, reader.matrices).reshape(copies, -1).max(axis=0)
        for reader, copies in pair.readers
    ]
    return np.asarray(np.max(ranges, axis=0))
