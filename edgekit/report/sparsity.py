"""What zeros in weights bring a file, in words: its speed, and its size once compressed."""

from __future__ import annotations

from edgekit.report import text
from edgekit.report.figures import speedup
from edgekit.report.model import Report

MANY = 0.3
"""Share of zeros from which a model counts as sparse."""

CHANGED = 0.01
"""By how much the share has to have grown to be the work of a recipe."""

CLEAR = 1.05
"""How many times faster is more than measurements differ by."""


def zeros_said(report: Report) -> str | None:
    """Say in one sentence whether a sparse model runs faster; None where a model is not sparse.

    The float file of the source, with all its weights, is the baseline. Kernels for integers do
    not skip zeros: where a file in integers is faster, it is not by them.
    """
    facts = report.compression
    if facts is None or facts.after.sparsity < max(MANY, facts.before.sparsity + CHANGED):
        return None
    zeros = f"{facts.after.sparsity:.0%} of the weights are zero"
    if report.latency is None or report.latency.float_baseline is None:
        return f"{zeros}: whether they make it faster is not known, latency was not measured"
    faster, taken = speedup(report.latency), report.latency.artifact.median_ms
    base = report.latency.float_baseline.median_ms
    times = f"{text.milliseconds(taken)} against {text.milliseconds(base)} of the dense float file"
    if faster is None or faster < CLEAR:
        return f"{zeros} and bring no speed here: {times}; they make a compressed file smaller"
    if report.audit.integer_mac_share > 0:
        return (
            f"{zeros} and bring no speed: {times} comes of integers and whatever else changed, "
            "kernels for integers do not skip zeros; they make a compressed file smaller"
        )
    if facts.after.macs != facts.before.macs:
        return f"{zeros}: {times}, of which fewer channels have their part"
    return f"{zeros}: {times}"
