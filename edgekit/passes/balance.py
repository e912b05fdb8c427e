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
_POWERS = (0.25, 0.5, 0.75, 1.0)


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """What is known of the values of each channel of a tensor: extremes, mean square."""

    low: Array
    high: Array
    power: Array


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The largest integer of weights, and the steps of an activation's range; inf for floats."""

    top: int
    steps: float


def smooth(pair: Pair, read: Values, added: Sequence[Values], grid: Grid, *, gain: float) -> None:
    """Balance a pair for kernels with one step a channel, where that is worth it.

    There the range of a channel where it is made costs nothing, but that of its values does: all
    channels of an activation share one step. Xiao et al. 2022, "SmoothQuant", eq. 4 with alpha 1/2:
    s = sqrt(max |x| / max |w|), the weights of each reader taken in steps of their own output
    channel. Depthwise kernels pay nothing at all for a factor: alpha is 1. Of the powers of these
    factors that one is taken that lets least rounding through to what readers make, as Lin et al.
    2023, "AWQ", section 3.2, search it.

    Args:
        pair: Balanced in place.
        read: The channels as they are read.
        added: What is added up to them, if that is rounded on its own.
        grid: What weights and values are rounded to.
        gain: Share of the rounding, as a variance, that has to go; else nothing is done. The
            estimate is rough, and channels of like range are best left as they were trained.
    """
    factors = _smoothing(pair, read)
    before = _noise(pair, read, added, np.ones_like(factors), grid)
    found = [(_noise(pair, read, added, factors**power, grid), power) for power in _POWERS]
    least, power = min(found)
    if before > 0 and least <= (1 - gain) * before:
        divide(pair, factors**power)


def _smoothing(pair: Pair, read: Values) -> Array:
    largest = np.maximum(np.abs(read.low), np.abs(read.high))
    usable = largest > 0
    sizes = np.where(usable, largest, 1.0)
    if all(reader.layout.form == "depthwise" for reader, _ in pair.readers):
        factors = sizes
    else:
        factors = equalizing_factors(sizes, _read_shares(pair))
    middle = np.exp(np.log(factors[usable]).mean()) if usable.any() else 1.0
    return np.where(usable, np.clip(factors / middle, 1 / _LIMIT, _LIMIT), 1.0)


def _noise(
    pair: Pair, read: Values, added: Sequence[Values], factors: Array, grid: Grid
) -> float:  # fmt: skip
    """Return the variance that rounding brings to what readers make, summed over their channels.

    That of a step d is d^2 / 12, of each value and of each weight; padding is not looked at.
    """
    squared = sum((_span(values, factors) / grid.steps) ** 2 for values in (read, *added))
    power, found = read.power / factors**2, 0.0
    for reader, copies in pair.readers:
        scaled = scale_inputs(reader.layout, reader.matrices, np.tile(factors, copies))
        steps = np.abs(scaled).max(axis=1, keepdims=True) / grid.top
        rows = scale_inputs(reader.layout, np.ones_like(scaled), np.tile(power, copies))
        found += squared * float(np.square(scaled).sum()) + float((np.square(steps) * rows).sum())
    return found / 12


def _span(values: Values, factors: Array) -> float:
    low, high = (values.low / factors).min(), (values.high / factors).max()
    return float(max(high, 0.0) - min(low, 0.0))


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
