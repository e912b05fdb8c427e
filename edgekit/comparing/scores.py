"""Whether one score differs from another: paired where the samples are the same.

Right and wrong answers to the same samples are told apart by the exact McNemar test and the
interval of Agresti and Min; other scores of the same samples by a paired bootstrap
(``edgekit.accuracy.paired``). Where the samples are others, or nobody kept which were right, two
shares are compared as independent ones, by the hybrid score interval of Newcombe 1998, "Interval
estimation for the difference between independent proportions", method 10, which holds for unequal
and small numbers of samples.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy import Evaluation, paired
from edgekit.comparing.estimate import Estimate, exactly, untold
from edgekit.comparing.subject import Figure, Scored

Floats = NDArray[np.float64]

FEWEST = 20
_SHARES = ("top1", "top5", "accuracy")


def compare_scores(before: Figure, after: Figure) -> Estimate:
    """Return how far ``score`` moved, with its 95 % interval."""
    return _compared(before, after, drops=False)


def compare_drops(before: Figure, after: Figure) -> Estimate:
    """Return how far ``accuracy_drop_pp`` moved, with its 95 % interval."""
    return _compared(before, after, drops=True)


def compare_agreements(before: Figure, after: Figure) -> Estimate:
    """Return how far ``agreement`` moved, with its 95 % interval, as independent shares.

    Which samples agree is not kept, so the same samples are not paired, which is on the safe side.
    """
    one, other = before.scored, after.scored
    if one is None or other is None:
        return untold(before, after, "an evaluation is missing")
    counts = one.evaluation.samples, other.evaluation.samples
    if before.value == after.value and same_samples(one, other):
        return exactly(before, after)
    if min(counts) < FEWEST:
        return untold(before, after, f"too few samples: {counts[0]} and {counts[1]},"
                                     f" needs {FEWEST}")  # fmt: skip
    return _newcombe(before, after, counts)


def wilson(share: float, samples: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927, "Probable inference")."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = math.sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples))
    half *= z / (1 + z * z / samples)
    return max(0.0, middle - half), min(1.0, middle + half)


def is_share(found: Evaluation) -> bool:
    """Whether the score is a share of right answers."""
    bits = found.answers is not None and found.answers.encoding == "bits"
    return bits or found.metric in _SHARES


def _compared(before: Figure, after: Figure, *, drops: bool) -> Estimate:
    one, other = before.scored, after.scored
    if one is None or other is None:
        return untold(before, after, "an evaluation is missing")
    ours, theirs = one.evaluation, other.evaluation
    if (ours.metric, ours.output) != (theirs.metric, theirs.output):
        return untold(
            before, after, f"scored differently: by {ours.metric} of {ours.output}, and by"
            f" {theirs.metric} of {theirs.output}",
        )  # fmt: skip
    relative = ours.drop_unit != "points" or theirs.drop_unit != "points"
    pair = None
    if not (drops and relative) and same_samples(one, other):
        pair = _pairs(one, other, drops=drops)
    if pair is not None:
        return _of_pairs(before, after, pair, scale=100.0 if drops else 1.0)
    if min(ours.samples, theirs.samples) < FEWEST:
        return untold(
            before, after, f"too few samples: {ours.samples} and {theirs.samples}, needs {FEWEST}"
        )
    return _of_drops(before, after) if drops else _of_shares(before, after)


def same_samples(one: Scored, other: Scored) -> bool:
    """Whether both were scored on the same samples in the same order, as far as is known."""
    ours, theirs = one.evaluation, other.evaluation
    if ours.samples != theirs.samples:
        return False
    if one.data_sha256 is not None and other.data_sha256 is not None:
        if one.data_sha256 != other.data_sha256:
            return False
    elif ours.answers is None or theirs.answers is None:
        return False
    if ours.answers is not None and theirs.answers is not None:
        return ours.answers.labels_sha256 == theirs.answers.labels_sha256
    return one.data_sha256 is not None and one.data_sha256 == other.data_sha256


def _pairs(one: Scored, other: Scored, *, drops: bool) -> tuple[Floats, Floats] | None:
    """Return each sample's score, or loss, before and after; None where that was not kept."""
    ours, theirs = one.evaluation, other.evaluation
    if ours.answers is not None and theirs.answers is not None:
        (source, before), (base, after) = ours.answers.scores(), theirs.answers.scores()
        if not drops or np.array_equal(source, base):
            sign = -1.0 if drops else 1.0
            return sign * before, sign * after
        return source - before, base - after
    if one.source_sha256 != other.source_sha256 or not (is_share(ours) and is_share(theirs)):
        return None
    known = [_changed(found) for found in (ours, theirs)]
    if any(found is None for found in known):
        return None
    # Relative to the source's answers, which are the same: -1 became wrong, 1 became right.
    before, after = (found for found in known if found is not None)
    sign = -1.0 if drops else 1.0
    return sign * before, sign * after


def _changed(found: Evaluation) -> Floats | None:
    """Return for each sample how it differs from the source's answer, if all flips are listed."""
    flips = found.flips
    listed = len(flips.to_wrong_samples), len(flips.to_right_samples)
    if listed != (flips.to_wrong, flips.to_right):
        return None
    changed = np.zeros(found.samples)
    for index, value in ((flips.to_wrong_samples, -1.0), (flips.to_right_samples, 1.0)):
        if any(not 0 <= place < found.samples for place in index):
            return None
        changed[list(index)] = value
    return changed


def _of_pairs(
    before: Figure, after: Figure, pair: tuple[Floats, Floats], *, scale: float
) -> Estimate:
    moved = pair[1] - pair[0]
    said = replace(exactly(before, after), low=None, high=None)
    if not np.all(np.isfinite(moved)):
        return replace(said, method="none", reason="some samples have no finite score")
    if np.all(np.isin(moved, (-1.0, 0.0, 1.0))):
        down, up = int(np.sum(moved < 0)), int(np.sum(moved > 0))
        low, high = paired.agresti_min(up, down, len(moved))
        method = f"paired answers, exact McNemar test: {up + down} of {len(moved)} changed"
        if up == down == 0:
            low = high = 0.0
        elif paired.mcnemar_p(up, down) >= 1 - paired.LEVEL:
            low, high = min(low, 0.0), max(high, 0.0)  # where both disagree, nothing is shown
    elif len(moved) < FEWEST:
        return replace(said, method="none", reason=f"too few samples: {len(moved)}")
    else:
        pairs = np.stack([moved, moved], axis=1)
        low, high = paired.percentile_interval(paired.bootstrap_means(pairs)[:, 0])
        method = "paired bootstrap of the mean"
    return replace(said, low=scale * low, high=scale * high, method=method)


def _of_shares(before: Figure, after: Figure) -> Estimate:
    one, other = before.scored, after.scored
    if one is None or other is None or before.value is None or after.value is None:
        return untold(before, after, "a score is missing")
    p, q = before.value, after.value
    if not (is_share(one.evaluation) and is_share(other.evaluation) and 0 <= min(p, q) <= 1
            and max(p, q) <= 1):  # fmt: skip
        return untold(before, after, "not the same samples, or no score of each was kept")
    return _newcombe(before, after, (one.evaluation.samples, other.evaluation.samples))


def _newcombe(before: Figure, after: Figure, samples: tuple[int, int]) -> Estimate:
    """Compare two shares as independent ones.

    Near 0 and 1 the interval of few samples is too sure; there Fisher's exact test has to agree.
    """
    p, q = before.value or 0.0, after.value or 0.0
    (l1, u1), (l2, u2) = wilson(p, samples[0]), wilson(q, samples[1])
    change = q - p
    low, high = change - math.hypot(q - l2, u1 - p), change + math.hypot(u2 - q, p - l1)
    if not low <= 0 <= high and fisher_p(p, q, samples) >= 1 - paired.LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    return replace(
        exactly(before, after), low=low, high=high,
        method=f"not paired, {samples[0]} and {samples[1]} samples: Newcombe's interval",
    )  # fmt: skip


def fisher_p(p: float, q: float, samples: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test on two shares of so many samples.

    All tables with the same sums that are no more likely than this one count (Fisher 1934,
    "Statistical methods for research workers", section 21.02).
    """
    from scipy.special import gammaln

    n, m = samples
    right = round(p * n), round(q * m)
    total = sum(right)

    def log_ways(of: int, counts: NDArray[np.int64]) -> Floats:
        ways: Floats = gammaln(of + 1) - gammaln(counts + 1) - gammaln(of - counts + 1)
        return ways

    support = np.arange(max(0, total - m), min(n, total) + 1)
    logs = log_ways(n, support) + log_ways(m, total - support)
    logs -= logs.max()
    ours = logs[right[0] - support[0]]
    return float(np.exp(logs[logs <= ours + 1e-9]).sum() / np.exp(logs).sum())


def _of_drops(before: Figure, after: Figure) -> Estimate:
    """Compare two drops that have intervals, as independent ones.

    The method of variance estimates recovery: Zou and Donner 2008, "Construction of confidence
    limits about effect measures", equation 3.
    """
    ends = before.low, before.value, before.high, after.low, after.value, after.high
    if any(end is None or not math.isfinite(end) for end in ends):
        return untold(before, after, "a drop has no interval")
    l1, d1, u1, l2, d2, u2 = (float(end) for end in ends if end is not None)
    return replace(
        exactly(before, after),
        low=d2 - d1 - math.hypot(d2 - l2, u1 - d1), high=d2 - d1 + math.hypot(u2 - d2, d1 - l1),
        method="not paired: from both intervals",
    )  # fmt: skip
