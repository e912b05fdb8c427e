"""How weights and activations are spread beside the ranges that were chosen for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.calibrate.binned import binned_values
from edgekit.formats.weights import StoredWeights, integer_weights
from edgekit.report.details import Spread

MOST = 64
"""Tensors of either kind that are kept: the largest weights, the first activations."""

_LONGEST_NAME = 300
_NUMBERS = 1 << 20


def weight_spreads(artifact: Artifact) -> tuple[tuple[Spread, ...], int]:
    """Return the spreads of a file's integer weights, in its order, and how many more it has.

    The ``MOST`` largest tensors are kept; at most a million numbers of each are looked at.
    """
    held = list(integer_weights(artifact.path, artifact.format))
    ranked = sorted(range(len(held)), key=lambda at: -held[at].stored.size)[:MOST]
    return tuple(_of_weights(held[at]) for at in sorted(ranked)), max(0, len(held) - MOST)


def activation_spreads(
    found: Mapping[str, Any], table: Mapping[str, tuple[float, float]], tensors: Iterable[str]
) -> tuple[tuple[Spread, ...], int]:
    """Return the spreads of activations, and how many more there are.

    Args:
        found: Tensor to (least, largest, counts).
        table: The chosen range of each.
        tensors: Which, in order.
    """
    names = [name for name in dict.fromkeys(tensors) if name in found and name in table]
    return tuple(_of_activation(name, found[name], table[name]) for name in islice(names, MOST)), (
        max(0, len(names) - MOST)
    )


def _of_activation(name: str, seen: Any, chosen: tuple[float, float]) -> Spread:
    low, high, counts = seen
    middles = low + (np.arange(len(counts)) + 0.5) * (high - low) / max(len(counts), 1)
    outside = (middles < chosen[0]) | (middles > chosen[1])
    total = sum(counts)
    return Spread(
        name=name[:_LONGEST_NAME],
        low=low,
        high=high,
        counts=tuple(counts),
        range_low=chosen[0],
        range_high=chosen[1],
        clipped=float(np.asarray(counts)[outside].sum()) / total if total else None,
    )


def _of_weights(held: StoredWeights) -> Spread:
    """Count exactly, by the stored numbers of each channel."""
    rows = np.moveaxis(held.stored, held.axis, 0).reshape(held.stored.shape[held.axis], -1)
    rows = rows if len(held.scales) > 1 else rows.reshape(1, -1)
    rows = rows[:, :: -(-rows.size // _NUMBERS)]
    real = _real(rows, held)
    least, most = held.limits
    ends = np.stack([_real(np.full((len(rows), 1), end), held)[:, 0] for end in (least, most)])
    widths = ends[1] - ends[0]
    wide, narrow = int(np.argmax(widths)), int(np.argmin(widths))
    low, high = float(real.min()), float(real.max())
    several = len(held.scales) > 1
    return Spread(
        name=held.name[:_LONGEST_NAME],
        low=low,
        high=high,
        counts=tuple(int(n) for n in binned_values(real, low, high)),
        range_low=float(ends[0, wide]),
        range_high=float(ends[1, wide]),
        narrow_low=float(ends[0, narrow]) if several else None,
        narrow_high=float(ends[1, narrow]) if several else None,
        dtype=held.dtype,
    )


def _real(rows: NDArray[Any], held: StoredWeights) -> NDArray[np.float64]:
    found = (rows - held.zero_points[:, None]) * held.scales[:, None]
    return np.asarray(found, np.float64)
