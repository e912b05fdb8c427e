"""Which channels leave, so that a model keeps within a budget and loses the least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.channels.costs import Costs
from edgekit.passes.channels.ledger import Ids
from edgekit.passes.channels.wiring import Group, Keep

Limits = tuple[float, float]
"""At most how many multiply-accumulates and parameters may stay."""

_JUMPS = 32


def unit(group: Group, multiple_of: int) -> int:
    """Return how many classes of a group leave at once, so that channel counts stay multiples."""
    needed = [multiple_of // math.gcd(multiple_of, count) for count in group.makers.values()]
    return math.lcm(1, *needed)


def next_size(size: int, step: int) -> int | None:
    """Return the next smaller size that is a multiple of ``step``; None if there is none.

    Large sizes jump over several multiples, at most over a thirty-second of the size.
    """
    smaller = (size - 1) // step * step
    jump = max(0, size // (_JUMPS * step) - 1) * step
    return smaller - jump if smaller >= step else None


def loss(whole: float, before: float, after: float) -> float:
    """Return what a group loses when its score falls from ``before`` to ``after``.

    ``whole`` is its score at first. The first channels cost their scores, the last ones without
    bound: whole * log(before / after).
    """
    least = 1e-12 * whole
    return whole * math.log(max(before, least) / max(after, least)) if whole > 0 else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Removal:
    """Some classes of a group that leave after all that left before."""

    group: int
    classes: Ids
    loss: float
    saved: tuple[int, int]


class Chooser:
    """Takes channels out of groups, again and again those that save the most for their score."""

    def __init__(
        self,
        groups: Sequence[Group],
        costs: Costs,
        *,
        scores: NDArray[np.float64],
        multiple_of: int,
    ) -> None:
        self.costs = costs
        self.orders = [g.classes[np.argsort(scores[g.classes], kind="stable")] for g in groups]
        self.left = [np.append(scores[order][::-1].cumsum()[::-1], 0.0) for order in self.orders]
        self.steps = [unit(group, multiple_of) for group in groups]
        self.parts = [costs.touched(group.classes) for group in groups]
        self.gone = [0] * len(groups)

    def choose(self, keep: Keep, limits: Limits) -> Keep:
        """Return what stays: within the limits, or as near to them as the groups allow.

        Args:
            keep: What stays so far: all classes of the groups.
            limits: See ``Limits``.
        """
        keep, taken, offers = keep.copy(), list[Removal](), dict[int, Removal | None]()
        now = self.costs.of(keep)
        while not within(now, limits):
            for group in range(len(self.orders)):
                if group not in offers:
                    offers[group] = self._offer(group, keep)
            best = _best(list(offers.values()), now, limits)
            if best is None:
                return keep
            keep[best.classes] = False
            self.gone[best.group] += len(best.classes)
            taken.append(best)
            now = (now[0] - best.saved[0], now[1] - best.saved[1])
            offers = {g: o for g, o in offers.items() if not self.parts[g] & self.parts[best.group]}
        return self._returned(taken, keep, limits)

    def _offer(self, group: int, keep: Keep) -> Removal | None:
        order, gone = self.orders[group], self.gone[group]
        size = next_size(len(order) - gone, self.steps[group])
        if size is None:
            return None
        end = len(order) - size
        classes, left = order[gone:end], self.left[group]
        before = self.costs.of(keep, self.parts[group])
        keep[classes] = False
        after = self.costs.of(keep, self.parts[group])
        keep[classes] = True
        return Removal(
            group=group,
            classes=classes,
            loss=loss(float(left[0]), float(left[gone]), float(left[end])),
            saved=(before[0] - after[0], before[1] - after[1]),
        )

    def _returned(self, taken: list[Removal], keep: Keep, limits: Limits) -> Keep:
        """Put back what there is still room for, the latest of each group first."""
        full: set[int] = set()
        for removal in reversed(taken):
            if removal.group in full:
                continue
            keep[removal.classes] = True
            if not within(self.costs.of(keep), limits):
                keep[removal.classes] = False
                full.add(removal.group)
        return keep


def within(costs: tuple[int, int], limits: Limits) -> bool:
    """Whether no cost is above its limit."""
    return all(cost <= limit for cost, limit in zip(costs, limits, strict=True))


def _best(offers: Sequence[Removal | None], now: tuple[int, int], limits: Limits) -> Removal | None:
    """Return what loses the least for what it saves of the costs that are still too high."""

    def price(removal: Removal) -> float:
        gain = sum(
            min(1.0, saved / (cost - limit))
            for saved, cost, limit in zip(removal.saved, now, limits, strict=True)
            if cost > limit
        )
        return removal.loss / gain if gain > 0 else math.inf

    prices = [(price(offer), number) for number, offer in enumerate(offers) if offer is not None]
    lowest, number = min(prices, default=(math.inf, -1))
    return offers[number] if math.isfinite(lowest) else None
