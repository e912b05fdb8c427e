"""Statistics of paired answers; pure functions over arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
_Z = 1.959963984540054  # the normal distribution's 97.5 % point
_CELLS = 4_000_000


def mcnemar_p(to_wrong: int, to_right: int) -> float:
    """Return the exact two-sided p-value that changes go either way alike.

    The binomial test on the discordant pairs (McNemar 1947, "Note on the sampling error of the
    difference between correlated proportions or percentages", in its exact form).
    """
    from scipy.special import bdtr

    changed = to_wrong + to_right
    if changed == 0:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(to_wrong, to_right), changed, 0.5)))


def agresti_min(to_wrong: int, to_right: int, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of the drop in a proportion, (to_wrong - to_right) / samples.

    The Wald interval after half an observation is added to each of the four cells: Wald+2 of
    Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24. Within [-1, 1]; never of no width.
    """
    b, c, n = to_wrong + 0.5, to_right + 0.5, samples + 2.0
    middle = (b - c) / n
    half = _Z * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    return max(-1.0, middle - half), min(1.0, middle + half)


def resamples(
    samples: int, count: int, *, seed: int, strata: NDArray[Any] | None = None
) -> Iterator[NDArray[np.int64]]:
    """Yield ``count`` samples with replacement of the indices; with strata, each as often as is."""
    rng = np.random.default_rng(seed)
    groups = (
        [np.arange(samples)]
        if strata is None
        else [np.flatnonzero(strata == one) for one in np.unique(strata)]
    )
    for _ in range(count):
        yield np.concatenate([group[rng.integers(0, len(group), len(group))] for group in groups])


def bootstrap_means(pairs: Floats, *, count: int = 2000, seed: int = 0) -> Floats:
    """Return the means of ``count`` paired resamples, (count, 2).

    Args:
        pairs: (samples, 2): both scores of each sample, resampled together.
        count: Resamples.
        seed: Of the random choice.
    """
    rng, total = np.random.default_rng(seed), len(pairs)
    step = max(1, _CELLS // total)
    means = [
        pairs[rng.integers(0, total, (min(step, count - start), total))].mean(axis=1)
        for start in range(0, count, step)
    ]
    return np.concatenate(means)


def bootstrap_scores(
    score: Callable[[NDArray[np.int64]], tuple[float, float]],
    indices: Iterator[NDArray[np.int64]],
) -> Floats:
    """Return both scores of every resample, (count, 2); ``score`` computes them from indices."""
    return np.array([score(index) for index in indices], np.float64).reshape(-1, 2)


def percentile_interval(values: Floats) -> tuple[float, float]:
    """Return the percentile interval at 95 % (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_p(deltas: Floats) -> float:
    """Return the two-sided achieved significance level that the difference is 0.

    Twice the smaller tail of the resampled differences, with one added to numerator and
    denominator so that it is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    count = len(deltas)
    tail = min(int(np.sum(deltas <= 0)), int(np.sum(deltas >= 0)))
    return min(1.0, 2.0 * (tail + 1) / (count + 1))
