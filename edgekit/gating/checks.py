"""Holds one figure against one rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from edgekit.comparing.estimate import Estimate, untold
from edgekit.comparing.figures import QUANTILES, compare_figures, unknown
from edgekit.comparing.metrics import METRICS, Better
from edgekit.comparing.scores import FEWEST, is_share, wilson
from edgekit.comparing.subject import Figure, Record
from edgekit.comparing.timing import incomparable, timing_interval
from edgekit.gating import wording
from edgekit.gating.policy import Defaults, Means, Prove, Rule
from edgekit.gating.result import Check, Outcome, Verdict
from edgekit.report import text

_VERDICTS: dict[Means, Verdict] = {
    "fail": "fail", "undecided": "undecided", "warn": "warn", "ignore": "pass",
}  # fmt: skip
_NOISE = "noise could explain it"

Estimates = dict[tuple[int, int, float | None], Estimate]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A rule with its defaults filled in."""

    rule: Rule
    label: str
    prove: Prove
    missing: Means
    cannot_tell: Means
    no_baseline: Means
    run_to_run: float | None

    @classmethod
    def of(cls, rule: Rule, defaults: Defaults, at: int) -> Settled:
        """Fill in what the rule leaves to the defaults; ``at`` counts rules from 1."""
        return cls(
            rule=rule,
            label=rule.name or f"rule {at}",
            prove=rule.prove or defaults.prove,
            missing=rule.missing or defaults.missing,
            cannot_tell=rule.cannot_tell or defaults.cannot_tell,
            no_baseline=rule.no_baseline or defaults.no_baseline,
            run_to_run=defaults.run_to_run if rule.run_to_run is None else rule.run_to_run,
        )

    def direction(self, figure: Figure) -> Better:
        """Return which way is better: as the catalogue, or else the report says."""
        return METRICS[self.rule.metric].better or figure.better

    def verdict(self, outcome: Outcome) -> Verdict:
        """Return what the policy makes of an outcome."""
        means: dict[Outcome, Means] = {
            "missed": "fail", "kept": "ignore", "cannot tell": self.cannot_tell,
            "missing": self.missing, "no baseline": self.no_baseline,
        }  # fmt: skip
        return _VERDICTS[means[outcome]]


def check_limit(settled: Settled, record: Record, figure: Figure) -> Check:
    """Hold a figure against the rule's absolute limit; there is one."""
    rule, limit = settled.rule, settled.rule.limit or 0.0
    unit = figure.unit_as(rule.metric)
    better = settled.direction(figure)
    if why := unknown(figure):
        return absent(settled, record, "limit", "missing", why)
    value = figure.value or 0.0
    sign = 1.0 if better == "lower" else -1.0
    margin = _times(sign, limit - value)
    beyond, bounds = margin < 0, None
    if beyond or settled.prove == "kept":  # otherwise the interval decides nothing
        bounds = _interval(rule.metric, figure, settled.run_to_run)
    low, high = bounds or (value, value)
    worst, best = (high, low) if sign > 0 else (low, high)
    outcome = _decided(
        settled.prove, beyond=beyond, surely=_times(sign, best - limit) > 0,
        kept=_times(sign, worst - limit) <= 0,
    )  # fmt: skip
    reason = f"{_NOISE}, it is between {text.figure(low)} and {text.figure(high)}"
    return Check(
        rule=settled.label, metric=rule.metric, model=record.model, target=record.target,
        device=record.device, kind="limit", unit=unit, better=better,
        figure=value, limit=limit, margin=margin, outcome=outcome,
        verdict=settled.verdict(outcome),
        text=wording.of_limit(record, rule.metric, value, limit, unit, better=better,
                              reason=reason if outcome == "cannot tell" else ""),
        method="" if bounds is None else "interval of the figure",
    )  # fmt: skip


def check_regression(
    settled: Settled, record: Record, before: Record | None, estimates: Estimates
) -> Check:
    """Hold a figure against the baseline's; the rule allows some regression.

    ``estimates`` keeps what was computed, for other rules on the same figures.
    """
    rule = settled.rule
    figure = record.figures[rule.metric]
    if why := unknown(figure):
        return absent(settled, record, "regression", "missing", why)
    base = None if before is None else before.figures.get(rule.metric)
    if base is None or (why := unknown(base)):
        why = "nothing to compare with" if before is None else why or "the baseline lacks it"
        return absent(settled, record, "regression", "no baseline", why)
    better = settled.direction(figure)
    if METRICS[rule.metric].better == "" and base.better != figure.better:
        return absent(settled, record, "regression", "no baseline", "scored the other way round")
    return _judged(settled, record, base, figure, better, estimates)


def _estimate(
    settled: Settled, base: Figure, figure: Figure, estimates: Estimates, *, bounds: bool
) -> Estimate:
    """Return how far the figure moved; each pair of latencies is resampled once, and only then."""
    metric, before, after = settled.rule.metric, base.timing, figure.timing
    if metric in QUANTILES and before and after and not bounds and base.basis == figure.basis:
        reason = incomparable(before, after, QUANTILES[metric])
        return replace(untold(base, figure, reason), method="medians alone")
    key = id(base), id(figure), settled.run_to_run
    if key not in estimates:
        estimates[key] = compare_figures(metric, base, figure, run_to_run=settled.run_to_run)
    return estimates[key]


def _judged(
    settled: Settled, record: Record, base: Figure, figure: Figure, better: Better,
    estimates: Estimates,
) -> Check:  # fmt: skip
    rule, unit = settled.rule, figure.unit_as(settled.rule.metric)
    one, other = base.value or 0.0, figure.value or 0.0
    sign = 1.0 if better == "lower" else -1.0
    allowed = rule.max_regression
    if allowed is None:
        allowed = (rule.max_regression_share or 0.0) * abs(one) if math.isfinite(one) else 0.0
    worse = 0.0 if one == other else sign * (other - one)
    bounds = worse > allowed or settled.prove == "kept"
    found = _estimate(settled, base, figure, estimates, bounds=bounds)
    outcome: Outcome = "cannot tell"
    reason = found.reason or _NOISE
    if not bounds and not found.reason:
        outcome = "kept"
    elif not found.reason and found.low is not None and found.high is not None:
        ends = sorted((sign * found.low, sign * found.high))
        outcome = _decided(
            settled.prove, beyond=worse > allowed, surely=ends[0] > allowed,
            kept=ends[1] <= allowed,
        )  # fmt: skip
    return Check(
        rule=settled.label, metric=rule.metric, model=record.model, target=record.target,
        device=record.device, kind="regression", unit=unit, better=better, figure=other,
        baseline=one, limit=one + sign * allowed, margin=allowed - worse, outcome=outcome,
        verdict=settled.verdict(outcome), method=found.method,
        text=wording.of_regression(
            record, rule.metric, one, other, found, unit,
            wording.room(rule.max_regression, rule.max_regression_share, unit),
            missed=outcome == "missed", reason=reason if outcome == "cannot tell" else "",
        ),
    )  # fmt: skip


def _decided(prove: Prove, *, beyond: bool, surely: bool, kept: bool) -> Outcome:
    """Decide from the figure (``beyond``) and the ends of its interval.

    ``surely`` beyond is missed. A figure that is only seemingly beyond cannot be told; one that is
    within is kept, or, where that must be proven, only if its whole interval is.
    """
    if surely:
        return "missed"
    if beyond:
        return "cannot tell"
    return "kept" if kept or prove == "worse" else "cannot tell"


def _interval(metric: str, figure: Figure, run_to_run: float | None) -> tuple[float, float] | None:
    """Return where the figure may really be; None for one that is the same in every run."""
    if figure.timing is not None and metric in QUANTILES:
        return timing_interval(figure.timing, quantile=QUANTILES[metric], run_to_run=run_to_run)
    if figure.basis != "scored":
        return None
    if metric == "score" and figure.scored is not None and figure.value is not None:
        found = figure.scored.evaluation
        if is_share(found) and 0 <= figure.value <= 1 and found.samples >= FEWEST:
            return wilson(figure.value, found.samples)
        return None
    ends = figure.low, figure.high
    if ends[0] is None or ends[1] is None or not all(map(math.isfinite, (ends[0], ends[1]))):
        return None
    return ends[0], ends[1]


def absent(
    settled: Settled, record: Record, kind: Literal["limit", "regression"], outcome: Outcome,
    why: str,
) -> Check:  # fmt: skip
    """Return the check of a figure that is not there, or has no counterpart."""
    metric = settled.rule.metric
    found = record.figures.get(metric)
    what = "no baseline for" if outcome == "no baseline" else "no figure for"
    return Check(
        rule=settled.label, metric=metric, model=record.model, target=record.target,
        device=record.device, kind=kind,
        unit=found.unit_as(metric) if found else METRICS[metric].unit,
        better=METRICS[metric].better, figure=found.value if found else None, outcome=outcome,
        verdict=settled.verdict(outcome),
        text=f"{wording.where(record)}: {what} {metric}: {why}",
    )  # fmt: skip


def _times(one: float, other: float) -> float:
    """Multiply; 0 times infinity is 0."""
    return 0.0 if one == 0 or other == 0 else one * other
