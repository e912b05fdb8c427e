"""Looks once over all samples and keeps what the lint needs, in constant memory a sample."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.samples import Samples, first_not_finite

BATCH = 32


@dataclass(kw_only=True, eq=False)
class InputScan:
    """What one input holds over all samples; ``low`` and ``high`` are those of each channel."""

    low: NDArray[np.float64] = field(default_factory=lambda: np.full(1, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(1, -np.inf))
    not_finite: list[int] = field(default_factory=list)

    @property
    def lo(self) -> float:
        """Least value."""
        return float(self.low.min())

    @property
    def hi(self) -> float:
        """Greatest value."""
        return float(self.high.max())

    def add(self, rows: NDArray[Any], places: NDArray[np.int64]) -> None:
        """Take in a batch; samples that hold NaN or infinity only count as such."""
        while (bad := first_not_finite(rows)) is not None:
            self.not_finite.append(int(places[bad]))
            rows, places = np.delete(rows, bad, axis=0), np.delete(places, bad)
        if not rows.size:
            return
        flat = rows.reshape(-1, rows.shape[-1]) if rows.ndim > 1 else rows.reshape(-1, 1)
        self.low = np.minimum(self.low, flat.min(axis=0))
        self.high = np.maximum(self.high, flat.max(axis=0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """What all samples hold."""

    inputs: dict[str, InputScan]
    duplicates: int


def scan(samples: Samples) -> Scan:
    """Read all samples once.

    Raises:
        DataError: a sample cannot be read.
    """
    inputs = {name: InputScan() for name in samples.names}
    seen: set[bytes] = set()
    start = 0
    for batch in samples.batches(BATCH, finite=False):
        places = samples.indices[start : start + len(batch)]
        start += len(batch)
        for name, rows in batch.inputs.items():
            inputs[name].add(rows, places)
        for i in range(len(batch)):
            mark = hashlib.blake2b(digest_size=12)
            for rows in batch.inputs.values():
                mark.update(np.ascontiguousarray(rows[i]).tobytes())
            seen.add(mark.digest())
    return Scan(inputs=inputs, duplicates=start - len(seen))
