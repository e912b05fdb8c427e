"""Trends as plots of characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgekit.extras import require
from edgekit.history.run import METRICS, Point, Series, scale_of
from edgekit.report.text import visible

_WIDTH, _HEIGHT = 80, 14


def plots(metric: str, trends: Mapping[Series, Sequence[Point]]) -> Iterator[str]:
    """Yield a plot for each series, 80 columns wide, without colours.

    Raises:
        MissingExtra: plotext is not installed.
    """
    require("history", "plotext")
    for series, points in trends.items():
        first, last = points[0].value, points[-1].value
        change = f", {100 * (last - first) / abs(first):+.1f} %" if first else ""
        count = f"{len(points)} run{'s' * (len(points) != 1)}"
        figures = f"{METRICS[metric].title}: {first:.4g} to {last:.4g} {series.unit}".rstrip()
        heading = f"{visible(series.title)}\n{figures}{change}, {count}"
        yield f"{heading}\n{_plot(points)}" if len(points) > 1 else heading


def _plot(points: Sequence[Point]) -> str:
    import plotext

    values = [point.value for point in points]
    low, high = scale_of(values)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(_WIDTH, _HEIGHT)
    figure.theme("colorless")
    figure.ruler("y").lim(low, high)
    first, last = (f"{point.time:%Y-%m-%d}" for point in (points[0], points[-1]))
    figure.ruler("x").ticks([0, len(points) - 1], [first, last])
    figure.draw(figure.signal(list(range(len(points))), values, marker="braille").lines())
    text: str = figure.build().string(True)
    return "\n".join(row.rstrip() for row in text.splitlines())
