"""Histograms in few bins, for looking at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.histogram import Histogram

BINS = 48


def binned(found: Histogram, bins: int = BINS) -> NDArray[np.int64]:
    """Return the counts over equal bins from ``found.lo`` to ``found.hi``.

    Each of the fine bins goes as a whole to where its middle lies; no count is lost.
    """
    return binned_values(found.centres, found.lo, found.hi, weights=found.counts, bins=bins)


def binned_values(
    values: NDArray[np.floating], low: float, high: float, *,
    weights: NDArray[np.int64] | None = None, bins: int = BINS,
) -> NDArray[np.int64]:  # fmt: skip
    """Return the counts of values over equal bins; what lies beyond an end counts at that end.

    Where ``low`` equals ``high``, all is in the first bin.
    """
    width = (high - low) / bins
    places = np.zeros(values.shape, np.int64)
    if width > 0:
        places = np.clip(((values - low) / width).astype(np.int64), 0, bins - 1)
    counted = np.bincount(places.ravel(), weights=weights, minlength=bins)
    return np.asarray(counted, np.int64)
