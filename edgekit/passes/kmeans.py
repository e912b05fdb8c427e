"""Numbers in k groups, each with one value: k-means on the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Start = Literal["k-means++", "linear", "density"]

ROUNDS = 300
RESTARTS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Clustering:
    """Numbers as one of few values.

    Args:
        centroids: Ascending, all different; at most as many as clusters were asked for.
        indices: Which centroid each number became; the shape of the numbers.
        inertia: Sum of squared distances after each round; never rises (rounding apart).
    """

    centroids: Floats
    indices: NDArray[np.int32]
    inertia: tuple[float, ...]

    @property
    def values(self) -> Floats:
        """Every number as its centroid."""
        return self.centroids[self.indices]


def clustered(values: NDArray[Any], clusters: int, *, start: Start, seed: int) -> Clustering:
    """Group numbers around at most ``clusters`` values, by Lloyd's algorithm.

    Lloyd 1982, "Least squares quantization in PCM". Starts from k-means++ (Arthur & Vassilvitskii
    2007, section 2.2; the best of a few draws), from evenly spaced values ("linear"), or from
    values between which equally many numbers lie ("density": Han et al. 2016, "Deep compression",
    section 3.2).

    Args:
        values: Any shape, finite.
        clusters: At least 1.
        start: Where centroids begin.
        seed: Of k-means++; the other starts need none.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    distinct = np.unique(ordered)
    if distinct.size <= clusters:
        ranks = np.searchsorted(distinct, flat).astype(np.int32)
        return Clustering(
            centroids=distinct, indices=ranks.reshape(np.shape(values)), inertia=(0.0,)
        )
    generator = np.random.default_rng(seed)
    runs = [_lloyd(ordered, begin) for begin in _starts(ordered, clusters, start, generator)]
    centroids, bounds, inertia = min(runs, key=lambda run: run[2][-1])
    ranks = np.empty(flat.size, dtype=np.int32)
    ranks[order] = np.repeat(np.arange(centroids.size, dtype=np.int32), np.diff(bounds))
    return Clustering(
        centroids=centroids, indices=ranks.reshape(np.shape(values)), inertia=tuple(inertia)
    )


def _starts(
    ordered: Floats, clusters: int, start: Start, generator: np.random.Generator
) -> list[Floats]:
    if start == "linear":
        return [np.linspace(ordered[0], ordered[-1], clusters)]
    if start == "density":
        places = (np.arange(clusters) + 0.5) / clusters
        return [np.unique(np.quantile(ordered, places))]
    return [_plus_plus(ordered, clusters, generator) for _ in range(RESTARTS)]


def _plus_plus(ordered: Floats, clusters: int, generator: np.random.Generator) -> Floats:
    """Draw numbers as centroids, each with a chance that grows with its squared distance."""
    chosen = [float(ordered[generator.integers(ordered.size)])]
    distance = (ordered - chosen[0]) ** 2
    while len(chosen) < clusters and (total := distance.sum()) > 0:
        place = np.searchsorted(np.cumsum(distance), generator.random() * total, side="right")
        chosen.append(float(ordered[min(int(place), ordered.size - 1)]))
        distance = np.minimum(distance, (ordered - chosen[-1]) ** 2)
    return np.unique(np.asarray(chosen))


def _lloyd(ordered: Floats, begin: Floats) -> tuple[Floats, NDArray[np.int64], list[float]]:
    """Return centroids, the places between which the numbers of each lie, and the inertias.

    On the line a cluster is a stretch of the ordered numbers: sums come from running sums.
    """
    middle = float(ordered.mean())  # running sums of squares lose less around 0
    numbers, centroids = ordered - middle, begin - middle
    sums = np.concatenate([[0.0], np.cumsum(numbers)])
    squares = np.concatenate([[0.0], np.cumsum(numbers**2)])
    inertias: list[float] = []
    bounds = _stretches(numbers, centroids)
    for _ in range(ROUNDS):
        counts = np.diff(bounds)
        full = counts > 0
        bounds = np.concatenate([bounds[:-1][full], bounds[-1:]])
        totals, counts = np.diff(sums[bounds]), counts[full]
        centroids = totals / counts
        inertia = float(np.sum(np.diff(squares[bounds]) - totals**2 / counts))
        inertias.append(max(inertia, 0.0))
        moved = _stretches(numbers, centroids)
        if np.array_equal(moved, bounds):
            break
        bounds = moved
    return centroids + middle, bounds, inertias


def _stretches(numbers: Floats, centroids: Floats) -> NDArray[np.int64]:
    """Return where each centroid's stretch of the ordered numbers begins, and the end."""
    between = (centroids[1:] + centroids[:-1]) / 2
    inner = np.searchsorted(numbers, between, side="right")
    return np.concatenate([[0], inner, [numbers.size]]).astype(np.int64)
