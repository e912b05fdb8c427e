"""What a trend says in one line."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.history.run import METRICS, Point, Series


def caption(metric: str, series: Series, points: Sequence[Point]) -> str:
    """Return the figure at both ends of a trend, by how much it changed, and how many runs it has.

    The change is over the first value's size; it is left out where that is 0.
    """
    first, last = points[0].value, points[-1].value
    change = f", {100 * (last - first) / abs(first):+.1f} %" if first else ""
    figures = f"{METRICS[metric].title}: {first:.4g} to {last:.4g} {series.unit}".rstrip()
    return f"{figures}{change}, {len(points)} run{'s' * (len(points) != 1)}"
