"""What lies between two figures, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edgekit.comparing.subject import Figure


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How far a figure moved, in its unit: ``change`` is after less before.

    ``low`` and ``high`` bound it; both equal it where the figures are the same in every run.
    ``share`` is ``change`` over before, None where before is 0. ``method`` says how the bounds were
    got. ``reason`` says why nothing can be told, and then there are no bounds. ``negligible`` is
    how small a change means nothing.
    """

    change: float | None
    low: float | None = None
    high: float | None = None
    share: float | None = None
    method: str = "exact"
    reason: str = ""
    negligible: float = 0.0


def untold(before: Figure, after: Figure, reason: str) -> Estimate:
    """Return that nothing can be told, with the change of the figures for what it is worth."""
    return replace(exactly(before, after), low=None, high=None, method="none", reason=reason)


def exactly(before: Figure, after: Figure) -> Estimate:
    """Return the change of two figures that are the same in every run; both are known."""
    return within(before, after, 0.0, method="exact")


def within(before: Figure, after: Figure, tolerance: float, *, method: str) -> Estimate:
    """Return the change of two figures, give or take a share of the earlier one."""
    one, other = before.value, after.value
    if one is None or other is None:
        return Estimate(change=None, method="none", reason=after.missing or before.missing)
    change = 0.0 if one == other else other - one
    room = tolerance * abs(one) if math.isfinite(one) else 0.0
    return Estimate(
        change=change, low=change - room, high=change + room, share=share_of(change, one),
        method=method,
    )  # fmt: skip


def share_of(change: float, before: float) -> float | None:
    """Return the change over what was before; None where that is 0 or not finite."""
    return change / abs(before) if before and math.isfinite(before) else None
