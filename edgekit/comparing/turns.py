"""How far files that took turns lie apart, from their rounds (``edgekit bench A B --rounds 20``).

Both meet the same drift, and each has many processes. A round is one draw of both files, so rounds
are what is resampled or ranked. Three 99.5 % intervals of the same ratio are taken:

- **the cluster bootstrap of the medians** (Davison and Hinkley 1997, "Bootstrap methods and their
  application", section 3.8): rounds are drawn anew, both files together, all samples of a round at
  once. Samples within a round may be as alike as they please.
- **Wilcoxon's signed-rank test on the rounds' medians** (Hollander and Wolfe 1999, "Nonparametric
  statistical methods", section 3.3, exact). The order of files is random in each round, so equal
  files could have changed places in any of them: the test holds whatever the noise is like, where a
  bootstrap of few rounds is too sure. Of these two the outer ends count.
- **the same test on the rounds' undisturbed latencies**, the fastest tenth. What else runs on a
  machine makes an inference longer and never shorter, so these are what differs least from run to
  run (Chen and Revels 2016, "Robust benchmarking in noisy environments").

Where one file is slower throughout, all hold, and what they have in common is the interval, 99 % by
Bonferroni's inequality. Where medians and undisturbed latencies contradict each other, a file is
slower now and then, and the medians decide. The interval always holds the ratio of the medians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.comparing.subject import Timing

Floats = NDArray[np.float64]

FEWEST_ROUNDS = 10
_LEVEL = 0.995
_UNDISTURBED = 0.1
_RESAMPLES = 2000
_AT_MOST = 2000
_CELLS = 4_000_000


def took_turns(before: Timing, after: Timing) -> bool:
    """Whether both were measured alternately, in rounds enough to compare round by round."""
    shared = before.session and before.session == after.session and before.rounds == after.rounds
    return bool(shared) and in_rounds(before)


def in_rounds(timing: Timing) -> bool:
    """Whether a run has rounds enough to be resampled by them."""
    whole = min(timing.rounds, default=0) > 0 and sum(timing.rounds) == len(timing.samples_ms)
    return whole and len(timing.rounds) >= FEWEST_ROUNDS


def between_turns(before: Timing, after: Timing, quantile: float) -> tuple[float, float]:
    """Return the 99 % interval of the log ratio of after to before; see this module.

    Quantiles other than the median are of the disturbed inferences, too: of these the undisturbed
    say nothing.
    """
    low, high = _of_quantiles(before, after, quantile)
    if quantile != 0.5:
        return low, high
    ratio = np.log(np.median(after.samples_ms)) - np.log(np.median(before.samples_ms))
    least, most = signed_rank_interval(_undisturbed(after) - _undisturbed(before))
    if least <= high and low <= most:
        low, high = max(low, least), min(high, most)
    return min(low, float(ratio)), max(high, float(ratio))


def signed_rank_interval(values: Floats, level: float = _LEVEL) -> tuple[float, float]:
    """Return the exact interval of the centre of symmetric values; ten or more."""
    count = len(values)
    ways = np.ones(1)
    for rank in range(1, count + 1):
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer / 2  # shares, so that many ranks do not overflow
    # The largest statistic whose tail is small enough; so many means are cut off at either end.
    cut = int(np.searchsorted(np.cumsum(ways), (1 - level) / 2, side="right"))
    one, other = np.triu_indices(count)
    means = np.sort((values[one] + values[other]) / 2)
    at = max(cut, 1) - 1
    return float(means[at]), float(means[len(means) - 1 - at])


def resampled_rounds(timing: Timing, quantile: float, *, seed: int) -> Floats:
    """Return the quantiles of 2,000 resamples of rounds; the same seed draws the same rounds."""
    parts = _parts(timing)
    least = min(len(part) for part in parts)  # rounds are alike but for the last few samples
    each = max(1, min(least, _AT_MOST // len(parts)))
    table = np.stack([_spread(part, each) for part in parts])
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // table.size)
    drawn = [
        np.quantile(
            table[rng.integers(0, len(table), (min(step, _RESAMPLES - start), len(table)))]
            .reshape(min(step, _RESAMPLES - start), -1),
            quantile, axis=1,
        )
        for start in range(0, _RESAMPLES, step)
    ]  # fmt: skip
    return np.concatenate(drawn)


def _of_quantiles(before: Timing, after: Timing, quantile: float) -> tuple[float, float]:
    """Return the outer ends of bootstrap and signed-rank test."""
    draws = np.log(resampled_rounds(after, quantile, seed=0)) - np.log(
        resampled_rounds(before, quantile, seed=0)
    )
    edge = (1 - _LEVEL) / 2
    one = [float(end) for end in np.quantile(draws, [edge, 1 - edge])]
    apart = [
        np.log([np.quantile(part, quantile) for part in _parts(timing)])
        for timing in (before, after)
    ]
    other = signed_rank_interval(apart[1] - apart[0])
    return min(one[0], other[0]), max(one[1], other[1])


def _undisturbed(timing: Timing) -> Floats:
    """Return the log of the latency that a tenth of each round stays within, the least of few."""
    return np.log([np.quantile(part, _UNDISTURBED, method="lower") for part in _parts(timing)])


def _parts(timing: Timing) -> list[Floats]:
    samples = np.asarray(timing.samples_ms, np.float64)
    return np.split(samples, np.cumsum(timing.rounds)[:-1])


def _spread(samples: Floats, count: int) -> Floats:
    return samples[np.linspace(0, len(samples) - 1, count).round().astype(np.int64)]
