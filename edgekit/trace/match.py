"""Finds the tensors of an exported file again in its trace, by value instead of by name.

Converters rename, fuse and permute. What stays is what a tensor holds: one probe sample is run
through both sides, and tensors that hold the same numbers are the same activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-4


def match(
    found: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]
) -> dict[str, str]:
    """Map tensors of a file to tensors of the trace that hold the same numbers in any order.

    Two tensors match when size, minimum, maximum, mean and mean square agree within 1e-4 of their
    largest magnitude; constants (all values equal) match nothing, since they prove nothing. Of
    several candidates, one of the same layout wins.
    """
    by_size: dict[int, list[str]] = {}
    prints = {}
    for name, array in reference.items():
        by_size.setdefault(array.size, []).append(name)
        prints[name] = _fingerprint(array)
    matched = {}
    for name, array in found.items():
        mine = _fingerprint(array)
        if mine is None:
            continue
        alike = [c for c in by_size.get(array.size, []) if _agree(mine, prints[c])]
        if alike:
            same = [c for c in alike if same_layout(array, reference[c])]
            matched[name] = (same or alike)[0]
    return matched


def same_layout(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays hold the same numbers in the same memory order, whatever their shapes."""
    if one.size != other.size:
        return False
    bound = _TOLERANCE * max(float(np.abs(other).max()), 1e-30)
    return bool(np.abs(one.ravel() - other.ravel()).max() <= bound)


def _fingerprint(array: NDArray[Any]) -> tuple[float, ...] | None:
    if array.size == 0:
        return None
    low, high = float(array.min()), float(array.max())
    if low == high or not np.isfinite(low) or not np.isfinite(high):
        return None
    values = array.astype(np.float64, copy=False)
    return low, high, float(values.mean()), float(np.sqrt(np.square(values).mean()))


def _agree(one: tuple[float, ...], other: tuple[float, ...] | None) -> bool:
    if other is None:
        return False
    bound = _TOLERANCE * max(abs(other[0]), abs(other[1]))
    return all(abs(a - b) <= bound for a, b in zip(one, other, strict=True))
