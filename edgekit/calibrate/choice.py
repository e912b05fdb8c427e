"""Chooses samples: from a seed, without replacement, stratified where there are classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def choose(length: int, count: int, *, classes: Indices | None = None, seed: int = 0) -> Indices:
    """Choose ``min(count, length)`` different places in ``range(length)``, ascending.

    The same arguments give the same places. With ``classes`` every class gets its share, rounded
    by largest remainder, and at least one place each while ``count`` allows.

    Args:
        length: How many samples there are.
        count: How many to choose.
        classes: The class of each sample, shape ``(length,)``.
        seed: Of the random choice.
    """
    if count >= length:
        return np.arange(length, dtype=np.int64)
    rng = np.random.default_rng(seed)
    if classes is None:
        return np.sort(rng.choice(length, count, replace=False, shuffle=False)).astype(np.int64)
    _, group, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    quotas = shares(sizes, count)
    shuffled = rng.permutation(length)
    by_group = shuffled[np.argsort(group[shuffled], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    chosen = [by_group[s : s + q] for s, q in zip(starts, quotas, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def shares(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Divide ``count`` among groups in proportion to their sizes; the sum is exactly ``count``.

    Largest-remainder rounding, no group beyond its size, and every group at least one while there
    are at least as many to give as groups.

    Args:
        sizes: Members of each group, each at least 1; their sum is at least ``count``.
        count: How many to divide.
    """
    exact = sizes * (count / sizes.sum())
    quotas: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    if count >= len(sizes):
        quotas = np.maximum(quotas, 1)
    while quotas.sum() > count:
        over = np.where(quotas > 1, quotas - exact, -np.inf)
        quotas[int(np.argmax(over))] -= 1
    while quotas.sum() < count:
        under = np.where(quotas < sizes, exact - quotas, -np.inf)
        quotas[int(np.argmax(under))] += 1
    return quotas


def divide(
    length: int, held_back: float, *, classes: Indices | None = None, seed: int = 0
) -> tuple[Indices, Indices]:
    """Divide ``range(length)`` into places to keep and places to hold back, both ascending.

    Deterministic, disjoint, complete, stratified with ``classes``. With ``length`` of at least 2
    neither is empty.
    """
    if length < 2:
        return np.arange(length, dtype=np.int64), np.empty(0, np.int64)
    count = min(max(round(length * held_back), 1), length - 1)
    held = choose(length, count, classes=classes, seed=seed)
    kept = np.setdiff1d(np.arange(length, dtype=np.int64), held, assume_unique=True)
    return kept, held
