"""How far two arrays are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Power:
    """Sums over samples seen so far: reference squared, difference squared, largest difference.

    A candidate that is not finite where the reference is makes ``noise`` and ``peak`` infinite.
    """

    signal: float = 0.0
    noise: float = 0.0
    peak: float = 0.0

    def add(self, reference: NDArray[Any], candidate: NDArray[Any]) -> Self:
        """Return the sums with more samples; both of one shape, the reference finite."""
        signal, noise, peak = self.signal, self.noise, self.peak
        for start in range(0, len(reference), _ROWS):
            part = slice(start, start + _ROWS)
            wanted = np.asarray(reference[part], np.float64)
            error = np.abs(np.asarray(candidate[part], np.float64) - wanted)
            signal += float(np.sum(wanted**2))
            if not np.all(np.isfinite(error)):
                noise = peak = math.inf
            elif error.size:
                noise += float(np.sum(error**2))
                peak = max(peak, float(error.max()))
        return type(self)(signal=signal, noise=noise, peak=peak)

    @property
    def sqnr_db(self) -> float:
        """10 log10(signal / noise); inf where nothing differs, -inf where there is only noise."""
        if self.noise == 0:
            return math.inf
        if self.signal == 0 or math.isinf(self.noise):
            return -math.inf
        return 10 * (math.log10(self.signal) - math.log10(self.noise))


def sqnr_db(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """Return the signal to quantization noise ratio in decibels, over all elements.

    10 log10(sum r^2 / sum (r - c)^2), after Gray and Neuhoff 1998, "Quantization", IEEE Trans.
    Inf. Theory 44, with the signal's energy in place of its variance. inf when identical; -inf
    when the reference is all zero and the candidate is not, or the candidate is not finite.

    Args:
        reference: Any shape, finite.
        candidate: Of the same shape.
    """
    return Power().add(np.atleast_1d(reference), np.atleast_1d(candidate)).sqnr_db
