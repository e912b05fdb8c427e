"""Compares two figures by what kind of figures they are."""

from __future__ import annotations

import math

from edgekit.comparing.estimate import Estimate, exactly, untold, within
from edgekit.comparing.scores import compare_agreements, compare_drops, compare_scores, same_samples
from edgekit.comparing.subject import Figure
from edgekit.comparing.timing import compare_timings

QUANTILES = {"latency_ms": 0.5, "latency_p90_ms": 0.9, "latency_p99_ms": 0.99}

# What is read once a run: by which share two runs of one file on one host may differ.
TOLERANCES = {
    "peak_memory_mib": 0.02,
    "model_memory_mib": 0.10,
    "load_ms": 0.50,
    "speedup_over_float": 0.25,
}


def unknown(figure: Figure) -> str:
    """Return why a figure has no value that can be compared; empty if it has."""
    if figure.value is None:
        return figure.missing or "no figure"
    return "the figure is not a number" if math.isnan(figure.value) else ""


def compare_figures(
    metric: str, before: Figure, after: Figure, *, run_to_run: float | None = None
) -> Estimate:
    """Return how far a figure moved, by the statistics that its kind needs.

    Args:
        metric: Which figure both are.
        before: The earlier one.
        after: The later one.
        run_to_run: See ``timing.compare_timings``.
    """
    for side, figure in (("before", before), ("after", after)):
        if said := unknown(figure):
            return Estimate(change=None, method="none", reason=f"{side}: {said}")
    if before.basis != after.basis:
        return untold(before, after, f"one is {before.basis}, the other {after.basis}")
    if metric == "score":
        return compare_scores(before, after)
    if metric == "accuracy_drop_pp":
        return compare_drops(before, after)
    if metric == "agreement":
        return compare_agreements(before, after)
    if metric in QUANTILES and before.basis == "measured":
        if before.timing is None or after.timing is None:
            return untold(before, after, "no raw samples were kept")
        return compare_timings(
            before.timing, after.timing, quantile=QUANTILES[metric], run_to_run=run_to_run
        )
    if before.basis == "measured":
        share = TOLERANCES.get(metric, 0.10)
        return within(
            before, after, share, method=f"one reading each, give or take {100 * share:g} %"
        )
    scored = before.scored, after.scored
    if metric == "sqnr_db" and scored[0] and scored[1] and not same_samples(scored[0], scored[1]):
        return untold(before, after, "computed on other samples")
    return exactly(before, after)
