"""A histogram of one tensor, with the range that its integers can hold."""

from __future__ import annotations

from markupsafe import Markup

from edgekit.report.details import Spread
from edgekit.report.html.pictures.axis import Scale
from edgekit.report.html.pictures.canvas import Canvas, move, to

_WIDTH, _HEIGHT, _FLOOR = 220.0, 84.0, 70.0
_PART = 0.5


def draw(found: Spread) -> Markup:
    """Draw counts (by their square root, so that tails are seen) within and beyond the range."""
    ends = (found.low, found.high, found.range_low, found.range_high)
    x = Scale(low=min(ends), high=max(ends), start=4, end=_WIDTH - 4)
    canvas = Canvas(_WIDTH, _HEIGHT, describe(found), "spread")
    left, right = x(found.range_low), x(found.range_high)
    canvas.box(left, 6, right - left, _FLOOR - 6, "held")
    canvas.path(_bars(found, x), "bars")
    for place in (left, right):
        canvas.line(place, 4, place, _FLOOR + 4, "bound")
    if found.narrow_low is not None and found.narrow_high is not None:
        for value in (found.narrow_low, found.narrow_high):
            canvas.line(x(value), _FLOOR - 18, x(value), _FLOOR + 4, "narrow")
    canvas.line(4, _FLOOR, _WIDTH - 4, _FLOOR, "axis")
    canvas.say(4, _HEIGHT - 2, f"{min(ends):.3g}", "tick")
    canvas.say(_WIDTH - 4, _HEIGHT - 2, f"{max(ends):.3g}", "tick", anchor="end")
    return canvas.svg()


def _bars(found: Spread, x: Scale) -> list[str]:
    count = max(len(found.counts), 1)
    width = (found.high - found.low) / count
    most = max(found.counts, default=0) or 1
    steps = [move(x(found.low), _FLOOR)]
    for place, counted in enumerate(found.counts):
        height = _FLOOR - (counted / most) ** _PART * (_FLOOR - 10)
        steps += [to(x(found.low + place * width), height),
                  to(x(found.low + (place + 1) * width), height)]  # fmt: skip
    return [*steps, to(x(found.high), _FLOOR), "Z"]


def describe(found: Spread) -> str:
    """Return a tensor's figures in words."""
    said = f"{found.name}: numbers from {found.low:.4g} to {found.high:.4g}, "
    said += f"range {found.range_low:.4g} to {found.range_high:.4g}"
    if found.narrow_low is not None:
        said += f", of the narrowest channel {found.narrow_low:.3g} to {found.narrow_high:.3g}"
    if found.clipped:
        said += f", {found.clipped:.3%} of the numbers lie beyond"
    return said
