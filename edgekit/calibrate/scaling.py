"""Decides from a model's facts whether samples have the range that it was trained on.

The thresholds were chosen between measurements on real pairs (ResNet-8, keyword spotting, ESC-10,
activity recognition) and on digits: on the right data the first normalizing layer saw variances
within a factor of 1.4 of the recorded ones and means within 0.3 standard deviations; the smallest
mistake, 0..1 for -1..1, gives a factor of 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edgekit.calibrate.facts import ModelFacts, Rescaled, Statistics
from edgekit.calibrate.probe import Probe, more_right
from edgekit.calibrate.scan import InputScan

Verdict = tuple[Literal["error", "warning"], str]

# Binary logarithms of variance ratios; in standard deviations where they are shifts.
DOUBTFUL_RATIO, WRONG_RATIO = 1.3, 5.0
DOUBTFUL_SHIFT, WRONG_SHIFT = 1.0, 3.0
# With fewer samples than this the samples' own statistics are too loose for doubts.
ENOUGH_SAMPLES = 16
# What Rescaling makes of training data lies near -1..1; this narrow or wide it does not.
NARROW, WIDE = 0.03, 30.0
ADVICE = "prepare the samples as the training data were"


def scaling_verdict(facts: ModelFacts, inputs: Mapping[str, InputScan]) -> Verdict | None:
    """Return severity and text if the samples have another range than the training data.

    ``None`` if they have the same, or if the model gives too little evidence to say so.
    """
    span = ", ".join(
        f"{name!r} spans {each.lo:.4g}..{each.hi:.4g}" for name, each in inputs.items()
    )
    for rescaled in facts.rescalings:
        if (text := _by_rescaling(rescaled)) is not None:
            return "error", f"input {span}; {text}; {ADVICE}"
    for statistics in facts.statistics:
        if statistics.warming:  # recorded too little to be held against anything, here and below
            break
        if (verdict := _by_statistics(statistics, facts.samples)) is not None:
            return verdict[0], f"input {span}; {verdict[1]}; {ADVICE}"
    if facts.probe is not None and facts.probe.then is not None:
        proven = more_right(facts.probe.then, facts.probe.given)
        text = f"input {span}; {_by_probe(facts.probe, proven)}; {ADVICE}"
        return ("error" if proven else "warning"), text
    return None


def _by_rescaling(fact: Rescaled) -> str | None:
    shrinks = abs(fact.scale) < 0.1
    if shrinks and fact.hi - fact.lo < NARROW:
        return (
            f"the model's own layer {fact.layer!r} scales by {fact.scale:.4g} and leaves "
            f"{fact.lo:.4g}..{fact.hi:.4g} of it: the samples are scaled already"
        )
    if shrinks and fact.hi - fact.lo > WIDE:
        return (
            f"the model's own layer {fact.layer!r} scales by {fact.scale:.4g} and still gets "
            f"{fact.lo:.4g}..{fact.hi:.4g}: the samples are too large"
        )
    return None


def _by_statistics(fact: Statistics, samples: int) -> Verdict | None:
    ratio, shift = abs(fact.log2_ratio), fact.shift
    wrong = ratio >= WRONG_RATIO or shift >= WRONG_SHIFT
    even = fact.spread <= max(1.5, ratio / 2)
    doubtful = (ratio >= DOUBTFUL_RATIO and even) or shift >= DOUBTFUL_SHIFT
    if not wrong and (not doubtful or not fact.first or samples < ENOUGH_SAMPLES):
        return None
    if ratio >= DOUBTFUL_RATIO:
        factor = 2 ** (ratio / 2)
        way = "larger" if fact.log2_ratio < 0 else "smaller"
        reason = f"trained on values about {factor:.3g} times {way}"
    else:
        reason = f"trained on values shifted by {shift:.3g} standard deviations"
    text = f"layer {fact.layer!r} ({fact.kind}) recorded other statistics: the model was {reason}"
    return ("error" if wrong else "warning"), text


def _by_probe(fact: Probe, proven: bool) -> str:
    given, then = fact.given, fact.then
    if proven and then is not None:
        return (
            f"the model answers {given.recall:.0%} of the samples right, and {then.recall:.0%} "
            f"with {fact.better} (mean over classes)"
        )
    how = "is certain of every answer" if given.saturated >= 0.97 else "answers all samples alike"
    return f"the model {how}, and does not with {fact.better}"
