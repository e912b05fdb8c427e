"""Scales that map figures to places in a picture, and the ticks that are written beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LEADING = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))
# Ratios of figures beyond these may not be numbers.
_LEAST, _MOST = 1e-100, 1e100


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps ``low`` to ``start`` and ``high`` to ``end``; by ratios if ``log``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return a figure's place, kept between the ends."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return round figures within the scale, with their texts."""
        values = _powers(self.low, self.high) if self.log else []
        if len(values) < 2:
            values = _round_figures(self.low, self.high, count)
        return [(value, _label(value)) for value in values]


def over(
    values: Iterable[float], start: float, end: float, *, log: bool = False, margin: float = 0.06
) -> Scale:
    """Return a scale that holds all finite figures, with a margin on both sides.

    ``log`` is dropped where a figure is not positive, or out of all proportion. One figure alone
    gets room around it.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if log and low > _LEAST and high < _MOST:
        room = max((high / low) ** margin, 1.05)
        return Scale(low=low / room, high=high * room, start=start, end=end, log=True)
    room = (high - low) * margin or abs(high) * 0.1 or 1.0
    return Scale(low=low - room, high=high + room, start=start, end=end)


def _round_figures(low: float, high: float, count: int) -> list[float]:
    if not high > low:
        return [low]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in _STEPS if step * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, min(last, first + 50) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Return round figures in every power of ten: as few of each as give three in all."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, max(1, (last - first) // 8))
    found: list[float] = []
    for leading in _LEADING:
        every = [lead * 10.0**power for power in powers for lead in leading]
        found = [value for value in every if low <= value <= high]
        if len(found) >= 3:
            break
    return found


def _label(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.4g}"
