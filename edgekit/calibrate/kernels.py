"""Range kernels: from a histogram to the range that a quantizer should use. Pure numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.histogram import Histogram

Range = tuple[float, float]

PERCENTILE = 0.9999
_CANDIDATES = 128
_CLIPS = 96
# A bin that the coarse distribution leaves empty counts as this likely (MXNet smooths the same).
_UNLIKELY = 1e-4
_TINY = 1e-300  # keeps the logarithm of nothing finite, where it is multiplied by 0


def percentile_range(histogram: Histogram, share: float = PERCENTILE) -> Range:
    """Return the range beyond which, on each side, lies ``1 - share`` of the values.

    Within ``[lo, hi]``; linear inside a bin. Wu et al. 2020 (arXiv:2004.09602), section 4,
    there for magnitudes.

    Args:
        histogram: Counts.
        share: In (0.5, 1].
    """
    counts = histogram.counts
    below = np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)
    edges = (histogram.first + np.arange(len(counts) + 1)) * histogram.width
    total = below[-1]
    # Strictly increasing knots only, so that the inverse is a function.
    keep = np.concatenate([[True], np.diff(below) > 0])
    start = np.flatnonzero(counts)[:1]
    knots, places = below[keep].copy(), edges[keep].copy()
    if len(start):
        places[0] = edges[start[0]]
    low, high = np.interp([total * (1 - share), total * share], knots, places)
    return (
        float(np.clip(low, histogram.lo, 0.0)),
        float(np.clip(high, 0.0, histogram.hi)),
    )


def entropy_range(histogram: Histogram, *, bits: int = 8, symmetric: bool = False) -> Range:
    """Return the range whose quantized distribution diverges least from the data.

    Minimises the Kullback-Leibler divergence over thresholds on the magnitudes: Migacz, "8-bit
    Inference with TensorRT", GTC 2017, pages 22 to 26 and 38. One side of zero takes
    ``2**(bits - 1)`` levels, or ``2**bits`` where all data lie on it and the range need not be
    symmetric. With no more bins than levels nothing can be told, and the range is the whole.

    Args:
        histogram: Counts.
        bits: Of the quantized numbers.
        symmetric: Whether zero must be in the middle.
    """
    magnitudes = _folded(histogram)
    two_sided = symmetric or (histogram.lo < 0 < histogram.hi)
    levels = 2 ** (bits - 1 if two_sided else bits)
    if len(magnitudes) <= levels:
        return histogram.lo, histogram.hi
    ends = np.unique(np.linspace(levels, len(magnitudes), _CANDIDATES).astype(np.int64))
    end = int(ends[int(np.argmin(_divergences(magnitudes, ends, levels)))])
    if end == len(magnitudes):
        return histogram.lo, histogram.hi
    threshold = end * histogram.width
    return max(histogram.lo, -threshold), min(histogram.hi, threshold)


def mse_range(histogram: Histogram, *, bits: int = 8, symmetric: bool = False) -> Range:
    """Return the range of least expected squared quantization error; both ends move apart.

    Never worse by ``expected_error`` than the whole range, which is among the candidates.

    Args:
        histogram: Counts.
        bits: Of the quantized numbers.
        symmetric: Whether zero must be in the middle.
    """
    share = np.arange(1, _CLIPS + 1) / _CLIPS
    if symmetric:
        high = max(-histogram.lo, histogram.hi) * share
        low = -high
    else:
        lows = histogram.lo * share if histogram.lo < 0 else np.zeros(1)
        highs = histogram.hi * share if histogram.hi > 0 else np.zeros(1)
        low, high = (grid.ravel() for grid in np.meshgrid(lows, highs))
    best = int(np.argmin(expected_errors(histogram, low, high, bits=bits, symmetric=symmetric)))
    return max(float(low[best]), histogram.lo), min(float(high[best]), histogram.hi)


def expected_errors(
    histogram: Histogram,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    bits: int = 8,
    symmetric: bool = False,
) -> NDArray[np.float64]:
    """Return the expected squared quantization error of each range, summed over counted values.

    Clipping plus rounding noise, ``step**2 / 12`` for each value inside: Banner et al. 2019
    (arXiv:1810.05723), equations 3 to 5, with the data's histogram in place of their densities.
    Values that are exactly 0 are free of error and left out.

    Args:
        histogram: Counts.
        low: Lower ends, at most 0, shape ``(n,)``.
        high: Upper ends, at least 0, shape ``(n,)``.
        bits: Of the quantized numbers.
        symmetric: One level fewer, as of -128 in a symmetric int8.
    """
    counts, x = histogram.counts.astype(np.float64), histogram.centres
    sums = [np.concatenate([[0.0], np.cumsum(counts * x**power)]) for power in range(3)]
    under = np.searchsorted(x, low, side="left")
    over = np.searchsorted(x, high, side="right")
    clipped_low = sums[2][under] - 2 * low * sums[1][under] + low**2 * sums[0][under]
    above = [total[-1] - total[over] for total in sums]
    clipped_high = above[2] - 2 * high * above[1] + high**2 * above[0]
    inside = np.maximum(sums[0][over] - sums[0][under] - histogram.zeros, 0.0)
    step = (high - low) / (2**bits - (2 if symmetric else 1))
    clipped = np.maximum(clipped_low, 0.0) + np.maximum(clipped_high, 0.0)
    return np.asarray(clipped + inside * step**2 / 12)


def _folded(histogram: Histogram) -> NDArray[np.float64]:
    """Return the counts of magnitudes other than 0: bin ``i`` covers ``[i, i + 1) * width``.

    Exact zeros, half of what a ReLU gives, would drown the shape of the rest (NVIDIA's
    pytorch-quantization overwrites their bin for the same reason).
    """
    place = histogram.first + np.arange(len(histogram.counts))
    magnitude = np.where(place >= 0, place, -place - 1)
    folded = np.bincount(magnitude, weights=histogram.counts).astype(np.float64)
    folded[0] = max(folded[0] - histogram.zeros, 0.0)
    filled = np.flatnonzero(folded)
    return folded[: filled[-1] + 1] if len(filled) else folded[:0]


def _divergences(
    magnitudes: NDArray[np.float64], ends: NDArray[np.int64], levels: int
) -> NDArray[np.float64]:
    """Return KL(P || Q) of the first ``end`` bins, for each end, from sums up to each bin.

    P has what lies beyond in its last bin. Q spreads the sum of each of ``levels`` groups of bins
    over those of them that are filled; where Q has nothing it is a ten-thousandth of P's least.
    """
    edges = np.arange(levels + 1) * ends[:, None] // levels
    held, filled = _upto(magnitudes), _upto(magnitudes > 0)
    sums, counts = np.diff(held[edges]), np.diff(filled[edges])
    inside, last = held[ends], magnitudes[ends - 1]
    beyond, whole = held[-1] - inside, held[-1]
    mean = np.maximum(sums, _TINY) / np.maximum(counts, 1)
    own = _upto(_xlogx(magnitudes))[ends - 1] + _xlogx(last + beyond)
    spread = (sums * np.log(mean)).sum(axis=1) - _xlogx(inside)
    least = np.minimum(_least_before(magnitudes)[ends - 1], np.maximum(last + beyond, _TINY))
    likely = mean[:, -1] / np.maximum(inside, _TINY)
    tail = np.where(last > 0, likely, _UNLIKELY * least / whole)
    return np.asarray((own - whole * np.log(whole) - spread - beyond * np.log(tail)) / whole)


def _upto(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums of the first 0, 1, ... values."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _xlogx(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values * np.log(np.maximum(values, _TINY)))


def _least_before(magnitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least count other than 0 among the first 0, 1, ... bins."""
    some = np.where(magnitudes > 0, magnitudes, np.inf)
    return np.concatenate([[np.inf], np.minimum.accumulate(some)])
