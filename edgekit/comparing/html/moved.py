"""How far figures moved, as shares of what they were, with the intervals of what noise allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgekit.comparing.result import Difference
from edgekit.report.html.pictures.axis import Scale, over
from edgekit.report.html.pictures.canvas import Canvas

MOST = 24
_WIDTH, _ROW, _TOP, _BOTTOM = 480.0, 38.0, 4.0, 40.0
_MARGIN = 28.0
_FAR = 100.0
_NAMES = {"better": "better", "worse": "worse", "cannot tell": "untold"}


@dataclass(frozen=True, kw_only=True)
class Move:
    """A figure's change and its interval, in per cent of what it was."""

    metric: str
    verdict: str
    percent: float
    low: float
    high: float

    @property
    def said(self) -> str:
        """Name the figure, its change, and the interval where there is one."""
        said = f"{self.metric} {self.percent:+.3g} %"
        if self.low < self.high:
            said += f" ({self.low:+.3g} to {self.high:+.3g} %)"
        return f"{said}, {self.verdict}"


def moves(found: Sequence[Difference]) -> list[Move]:
    """Return what moved, or may have, in the order of the figures; those with a share, not dB."""
    return [move for move in map(_move, found) if move is not None]


def _move(one: Difference) -> Move | None:
    if one.verdict == "same" or one.share is None or not one.before or one.unit == "dB":
        return None
    whole = abs(one.before) / 100
    percent = 100 * one.share
    low, high = (percent if end is None else end / whole for end in (one.low, one.high))
    if not all(map(math.isfinite, (percent, low, high))):
        return None
    return Move(metric=one.metric, verdict=one.verdict, percent=percent, low=low, high=high)


def draw(found: Sequence[Move]) -> Markup:
    """Draw the first ``MOST``, a row each; what lies beyond 100 % either way ends in an arrow."""
    shown = found[:MOST]
    height = _TOP + _ROW * len(shown) + _BOTTOM
    label = "Change in per cent: " + "; ".join(move.said for move in shown)
    canvas = Canvas(_WIDTH, height, label, "moved")
    ends = [max(-_FAR, min(_FAR, end)) for move in shown for end in (move.low, move.high)]
    x = over([0.0, *ends], _MARGIN, _WIDTH - _MARGIN)
    floor = height - _BOTTOM
    for value, _ in x.ticks(5):
        canvas.line(x(value), _TOP, x(value), floor, "grid")
        canvas.say(x(value), floor + 16, f"{value:+g} %" if value else "0", "tick", anchor="middle")
    canvas.line(x(0.0), _TOP, x(0.0), floor, "nought")
    canvas.say(_WIDTH / 2, height - 6, "change, of what it was", "tick", anchor="middle")
    for place, move in enumerate(shown):
        _row(canvas, move, x, _TOP + place * _ROW)
    return canvas.svg()


def _row(canvas: Canvas, move: Move, x: Scale, top: float) -> None:
    kind, middle = _NAMES[move.verdict], top + 29
    canvas.say(4, top + 15, move.said, most=70)
    low, high, at = x(move.low), x(move.high), x(move.percent)
    if move.low < move.high:
        canvas.line(low, middle, high, middle, f"reach {kind}")
        for end in (low, high):
            canvas.line(end, middle - 4, end, middle + 4, f"reach {kind}")
    else:
        canvas.line(x(0.0), middle, at, middle, f"reach {kind}")
    if move.percent > x.high or move.percent < x.low:
        arrow = "▶" if move.percent > x.high else "◀"
        canvas.say(at, middle + 4, arrow, f"far {kind}", anchor="middle", tip=move.said)
    else:
        canvas.box(at - 4, middle - 4, 8, 8, f"at {kind}", tip=move.said)
