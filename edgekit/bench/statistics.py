"""Whether one latency differs from another; pure functions over samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.bench.measurement import Measurement

Verdict = Literal["faster", "slower", "cannot tell"]

_RESAMPLES = 400
_RELEVANT = 0.02  # two runs of one file differ by this much on a quiet machine
_FEWEST = 10
_AT_MOST = 2000  # samples taken into a comparison, evenly spread; more say no more


def block_medians(
    samples: NDArray[np.float64], *, count: int = _RESAMPLES, seed: int = 0, quantile: float = 0.5
) -> NDArray[np.float64]:
    """Return the medians, or another quantile, of ``count`` resamples in blocks of neighbours.

    Neighbouring latencies are alike (frequency, other processes), so blocks of about sqrt(n)
    are drawn, not single ones: the moving-block bootstrap (Kuensch 1989, "The jackknife and the
    bootstrap for general stationary observations", section 2).
    """
    total = len(samples)
    length = max(1, round(total**0.5))
    blocks = -(-total // length)
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, total - length + 1, (count, blocks, 1))
    index = (starts + np.arange(length)).reshape(count, -1)[:, :total]
    if quantile == 0.5:
        medians: NDArray[np.float64] = np.median(samples[index], axis=1)
        return medians
    others: NDArray[np.float64] = np.quantile(samples[index], quantile, axis=1)
    return others


def compare_samples(a: tuple[float, ...], b: tuple[float, ...], *, seed: int = 0) -> Verdict:
    """Say whether the latencies ``a`` are faster or slower than ``b``.

    Only if the 95 % interval of the ratio of medians lies more than 2 % from 1; fewer than ten
    samples of either tell nothing. Swapping a and b swaps the verdict.
    """
    if min(len(a), len(b)) < _FEWEST:
        return "cannot tell"
    # Each its own stream, given by the samples and not by the order: swapping mirrors exactly.
    streams = {one: place for place, one in enumerate(sorted([a, b]))}
    first, second = (
        np.log(block_medians(_thinned(one), seed=seed + streams[one])) for one in (a, b)
    )
    low, high = np.quantile(first - second, [0.025, 0.975])
    if high < -np.log1p(_RELEVANT):
        return "faster"
    return "slower" if low > np.log1p(_RELEVANT) else "cannot tell"


def compare_latency(a: Measurement, b: Measurement) -> Verdict:
    """Say whether ``a`` is faster or slower than ``b``; see ``compare_samples``.

    Measurements on hosts whose facts differ, or with other numbers of threads, do not compare.
    """
    if a.threads != b.threads or a.host.differences(b.host):
        return "cannot tell"
    return compare_samples(a.samples_ms, b.samples_ms)


def slower_than(int8: Measurement, float_: Measurement) -> str | None:
    """Return a plain warning if int8 is slower than float on this host, else None."""
    if compare_latency(int8, float_) != "slower":
        return None
    slow, fast = int8.median_ms, float_.median_ms
    return (
        f"int8 is slower than float here: {slow:.3g} ms against {fast:.3g} ms"
        f" ({slow / fast:.1f}x), {int8.threads} thread{'s' * (int8.threads > 1)}, {int8.host.cpu};"
        f" {_why(int8)}"
    )


def _why(int8: Measurement) -> str:
    features = set(int8.host.features)
    if int8.host.machine.lower() in ("x86_64", "amd64"):
        if "vnni" in features:
            return "the CPU has VNNI, so other hosts need not differ: keep float here or measure"
        return "this x86 CPU has no VNNI (8-bit dot products): measure on the device before use"
    if "dotprod" in features or "i8mm" in features:
        return "the CPU has 8-bit dot products, so the model itself is the cause: keep float here"
    return "this CPU lists no 8-bit dot products: measure on the device before use"


def _thinned(samples: tuple[float, ...]) -> NDArray[np.float64]:
    array = np.maximum(np.asarray(samples, np.float64), 1e-9)
    return array[:: -(-len(array) // _AT_MOST)]
