"""Which artifacts no other one beats in every respect."""

from __future__ import annotations

from collections.abc import Sequence


def pareto(costs: Sequence[Sequence[float]]) -> list[bool]:
    """Mark the points that no other is at least as good as everywhere and better somewhere.

    Args:
        costs: A row a point; less is better in every column. Points that hold NaN are never marked.
    """
    known = [all(value == value for value in row) for row in costs]
    return [
        known[at] and not any(
            known[other] and _beats(costs[other], costs[at]) for other in range(len(costs))
        )
        for at in range(len(costs))
    ]  # fmt: skip


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
