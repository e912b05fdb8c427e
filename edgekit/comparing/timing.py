"""Whether one wall-clock latency differs from another, told from raw samples.

**What the noise is.** On a virtual machine with two cores, where other work runs, the medians of
100 inferences of one file in one process after the other have a standard deviation of 4 to 5 %
(``python -m benchmarks false_alarms`` takes the figures again). Two causes of about the same size:
the machine drifts over seconds (medians of neighbouring processes correlate by 0.5, and those of
different models by 0.6), and processes differ. The samples of one process show neither, so however
many there are, two such runs cannot tell 5 %. Kalibera and Jones 2013, "Rigorous benchmarking in
reasonable time", find the same and say: repeat at the level where the variance arises.

**Files that took turns** (``edgekit bench A B --rounds 20``) meet the same drift, and each has many
processes: ``edgekit.comparing.turns`` compares them round by round.

**Runs of their own** are resampled each for itself: in rounds where there are some, else in blocks
of consecutive samples (``edgekit.bench.statistics``). What such samples cannot show, how far whole
runs of one file lie apart, is added as a normal deviate on the log of each median: 5 % for a run in
one process, 3 % for one of several rounds, or what the caller knows of a steadier machine.

The interval is the middle 99 % of the ratios, so that at most 0.5 % of comparisons of a file with
itself are told as slower if the noise is as described.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgekit.bench.statistics import block_medians
from edgekit.comparing.estimate import Estimate
from edgekit.comparing.subject import Timing
from edgekit.comparing.turns import between_turns, in_rounds, resampled_rounds, took_turns

Floats = NDArray[np.float64]

CONFIDENCE = 0.99
FEWEST = 10
RUN_TO_RUN = 0.05
SESSION_TO_SESSION = 0.03
NEGLIGIBLE = 0.02
_RESAMPLES = 2000
_AT_MOST = 2000
_CELLS = 4_000_000
_MUST_AGREE = ("cpu", "machine", "cores", "features", "governor", "model", "page")


def incomparable(before: Timing, after: Timing, quantile: float = 0.5) -> str:
    """Return why two latencies cannot be compared; empty if they can."""
    if before.threads != after.threads:
        return f"threads differ: {before.threads} and {after.threads}"
    apart = [
        key for key in _MUST_AGREE
        if before.facts.get(key, "") != after.facts.get(key, "")
    ]  # fmt: skip
    if apart:
        key = apart[0]
        return (
            f"host facts differ: {', '.join(apart)} ({before.facts.get(key) or 'not known'} and"
            f" {after.facts.get(key) or 'not known'})"
        )
    fewest = FEWEST if quantile == 0.5 else math.ceil(round(FEWEST / (1 - quantile), 6))
    counts = len(before.samples_ms), len(after.samples_ms)
    if min(counts) < fewest:
        return f"too few samples: {counts[0]} and {counts[1]}, needs {fewest}"
    if not all(0 < one < math.inf for timing in (before, after) for one in timing.samples_ms):
        return "a sample is not a positive number"
    return ""


def compare_timings(
    before: Timing, after: Timing, *, quantile: float = 0.5, run_to_run: float | None = None
) -> Estimate:
    """Return how far the latency moved, with its 99 % interval; see this module.

    Args:
        before: The earlier run.
        after: The later one.
        quantile: Which one of the samples is compared; 0.5 is the median.
        run_to_run: Standard deviation, as a share, between runs of one file on this host; None for
            that of a shared virtual machine. Not used for files that took turns.
    """
    one, other = (float(np.quantile(timing.samples_ms, quantile)) for timing in (before, after))
    change, share = other - one, other / one - 1 if one > 0 else None
    if reason := incomparable(before, after, quantile):
        return Estimate(change=change, share=share, method="none", reason=reason)
    if took_turns(before, after):
        ends = between_turns(before, after, quantile)
        method = f"{_named(quantile)} over {len(before.rounds)} rounds in turns, 99 % interval"
    else:
        ends = _of_two_runs(before, after, quantile, run_to_run)
        method = f"bootstrap of {_named(quantile)} of two runs, 99 % interval"
    low, high = math.expm1(ends[0]), math.expm1(ends[1])
    return Estimate(
        change=change, share=share, low=low * one, high=high * one, method=method,
        negligible=NEGLIGIBLE * one,
    )  # fmt: skip


def timing_interval(
    timing: Timing, *, quantile: float = 0.5, run_to_run: float | None = None
) -> tuple[float, float] | None:
    """Return the 99 % interval of a latency in ms, other runs here included; None if too few."""
    if incomparable(timing, timing, quantile):
        return None
    rng = np.random.default_rng(0)
    draws = np.log(_resampled(timing, quantile, seed=1)) + _between(timing, run_to_run, rng)
    edge = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(draws, [edge, 1 - edge]))
    return float(low), float(high)


def _of_two_runs(
    before: Timing, after: Timing, quantile: float, run_to_run: float | None
) -> tuple[float, float]:
    """Return the interval of the log ratio of two runs, each resampled for itself."""
    rng = np.random.default_rng(0)
    # Each its own stream, by the samples and not by the order: swapping mirrors the resamples.
    first = before.samples_ms <= after.samples_ms
    one, other = (
        np.log(_resampled(timing, quantile, seed=1 + (own != first)))
        + _between(timing, run_to_run, rng)
        for timing, own in ((before, True), (after, False))
    )
    edge = (1 - CONFIDENCE) / 2
    low, high = np.quantile(other - one, [edge, 1 - edge])
    return float(low), float(high)


def _named(quantile: float) -> str:
    return "medians" if quantile == 0.5 else f"{100 * quantile:g} % quantiles"


def _resampled(timing: Timing, quantile: float, *, seed: int) -> Floats:
    if in_rounds(timing):
        return resampled_rounds(timing, quantile, seed=seed)
    samples = _thinned(np.asarray(timing.samples_ms, np.float64))
    count = max(400, min(_RESAMPLES, _CELLS // len(samples)))
    draws = block_medians(samples, count=count, seed=seed, quantile=quantile)
    return np.resize(draws, _RESAMPLES)


def _between(timing: Timing, run_to_run: float | None, rng: np.random.Generator) -> Floats:
    usual = SESSION_TO_SESSION if in_rounds(timing) else RUN_TO_RUN
    return rng.normal(0.0, usual if run_to_run is None else run_to_run, _RESAMPLES)


def _thinned(samples: Floats) -> Floats:
    return samples[:: -(-len(samples) // _AT_MOST)]
