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
    """Kernels that make the same channels, and those that read them: (kernel, copies of each).

    ``factors`` are what the channels have been divided by so far.
    """

    makers: Sequence[Weights]
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


def smooth(pair: Pair, largest: Array) -> Array:
    """Balance a pair for kernels with one step a channel; return the factors.

    There the range of a channel where it is made costs nothing, but that of its values does: all
    channels of an activation share one step. Xiao et al. 2022, "SmoothQuant", eq. 4 with alpha 1/2:
    s = sqrt(max |x| / max |w|), the weights of each reader taken in steps of their own output
    channel. Depthwise kernels pay nothing at all for a factor: alpha is 1.

    Args:
        pair: Balanced in place.
        largest: max |x| of each channel.
    """
    usable = largest > 0
    values = np.where(usable, largest, 1.0)
    if all(reader.layout.form == "depthwise" for reader, _ in pair.readers):
        factors = values
    else:
        factors = equalizing_factors(values, _read_shares(pair))
    middle = np.exp(np.log(factors[usable]).mean()) if usable.any() else 1.0
    factors = np.where(usable, np.clip(factors / middle, 1 / _LIMIT, _LIMIT), 1.0)
    divide(pair, factors)
    return np.asarray(factors)


def balance(pair: Pair) -> Array:
    """Balance one pair in place; return the factors that its channels were divided by."""
    first = np.max([output_ranges(maker.matrices) for maker in pair.makers], axis=0)
    factors = equalizing_factors(first, _read_ranges(pair))
    divide(pair, factors)
    return factors


def divide(pair: Pair, factors: Array) -> None:
    """Divide channels where they are made, and multiply them where they are read."""
    pair.factors = pair.factors * factors
    for maker in pair.makers:
        maker.matrices = scale_outputs(maker.layout, maker.matrices, 1 / factors)
        maker.bias = maker.bias / factors
    for reader, copies in pair.readers:
        reader.matrices = scale_inputs(reader.layout, reader.matrices, np.tile(factors, copies))


def _read_ranges(pair: Pair) -> Array:
    return _most(pair, [reader.matrices for reader, _ in pair.readers])


def _read_shares(pair: Pair) -> Array:
    """Return max |w| of each channel where it is read, as a share of its output channel's."""
    largest = [np.abs(reader.matrices).max(axis=1, keepdims=True) for reader, _ in pair.readers]
    return _most(pair, [
        reader.matrices / np.where(most > 0, most, 1.0)
        for (reader, _), most in zip(pair.readers, largest, strict=True)
    ])  # fmt: skip


def _most(pair: Pair, matrices: Sequence[Array]) -> Array:
    ranges = [
        input_ranges(reader.layout, values).reshape(copies, -1).max(axis=0)
        for (reader, copies), values in zip(pair.readers, matrices, strict=True)
    ]
    return np.asarray(np.max(ranges, axis=0))
