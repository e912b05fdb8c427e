"""Turns latencies that were timed on hardware into a figure with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.bench.measurement import quantile
from edgekit.bench.statistics import block_medians
from edgekit.devices.figures import Latency


def timed_latency(samples_ms: Sequence[float], warmup_ms: Sequence[float], threads: int) -> Latency:
    """Return the median of single inferences and its 95 % interval; every sample is kept.

    The interval is that of the moving-block bootstrap of ``edgekit.bench.statistics``.
    """
    samples = tuple(samples_ms)
    middle = quantile(samples, 0.5)
    low, high = np.quantile(block_medians(np.asarray(samples)), [0.025, 0.975])
    return Latency(
        ms=middle,
        low_ms=min(float(low), middle),
        high_ms=max(float(high), middle),
        basis="measured",
        threads=threads,
        samples_ms=samples,
        warmup_ms=tuple(warmup_ms),
    )
