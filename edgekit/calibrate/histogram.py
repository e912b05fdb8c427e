"""A histogram whose bins widen as data arrive, exactly: no count is ever guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 2048
# 2**-116 and 2**116 are both normal float32 numbers, so scaling by them is exact.
LEAST_EXPONENT = -116


@dataclass(frozen=True, kw_only=True, eq=False)
class Histogram:
    """Counts over bins of equal width; bin ``i`` covers ``[first + i, first + i + 1) * width``.

    ``lo <= 0 <= hi`` are the exact extremes of all data, zero included. ``zeros`` of the counted
    values are exactly 0, which every quantizer represents without error.
    """

    counts: NDArray[np.int64]
    first: int
    width: float
    lo: float
    hi: float
    zeros: int

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of every bin, kept inside ``[lo, hi]``."""
        middles = (self.first + np.arange(len(self.counts)) + 0.5) * self.width
        return np.clip(middles, self.lo, self.hi)


class Grid:
    """Accumulates a histogram over a growing range.

    The bin width is the least power of two with which ``[lo, hi]`` spans at most 2,048 bins, and
    bins are aligned at zero. So widening merges whole bins, and the result depends neither on the
    order of the data nor on how they were cut into batches.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(BINS, np.int64)
        self._exponent = LEAST_EXPONENT
        self._first = 0
        self._zeros = 0

    def add(self, values: NDArray[np.float32], lo: float, hi: float) -> None:
        """Count values.

        Args:
            values: One axis; all within ``[lo, hi]``.
            lo: Least of all data so far, at most 0.
            hi: Greatest of all data so far, at least 0.
        """
        self._widen(lo, hi)
        places = values * np.float32(2.0**-self._exponent)
        np.floor(places, out=places)
        index = places.astype(np.int64)
        index -= self._first
        # Subnormal values may be flushed to zero by one operation and not by another.
        np.clip(index, 0, BINS - 1, out=index)
        self._counts += np.bincount(index, minlength=BINS)
        self._zeros += values.size - int(np.count_nonzero(values))

    def view(self, lo: float, hi: float) -> Histogram:
        """Return what was counted, for the range that was given last."""
        return Histogram(
            counts=self._counts.copy(),
            first=self._first,
            width=2.0**self._exponent,
            lo=lo,
            hi=hi,
            zeros=self._zeros,
        )

    def _widen(self, lo: float, hi: float) -> None:
        exponent = width_exponent(lo, hi)
        first = math.floor(lo / 2.0**exponent)
        if (exponent, first) == (self._exponent, self._first):
            return
        filled = np.flatnonzero(self._counts)
        moved = ((filled + self._first) >> (exponent - self._exponent)) - first
        counts = np.zeros(BINS, np.int64)
        np.add.at(counts, moved, self._counts[filled])
        self._counts, self._exponent, self._first = counts, exponent, first


def width_exponent(lo: float, hi: float) -> int:
    """Return the least ``e`` with which ``[lo, hi]`` spans at most 2,048 bins of width ``2**e``."""
    exponent = max(math.frexp(hi - lo)[1] - 12, LEAST_EXPONENT)
    while math.floor(hi / 2.0**exponent) - math.floor(lo / 2.0**exponent) >= BINS:
        exponent += 1
    return exponent
