"""Trends as plots of characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgekit.extras import require
from edgekit.history.caption import caption
from edgekit.history.run import Point, Series, scale_of
from edgekit.report.text import visible

_WIDTH, _HEIGHT = 80, 14


def plots(metric: str, trends: Mapping[Series, Sequence[Point]]) -> Iterator[str]:
    """Yield a plot for each series, 80 columns wide, without colours.

    Raises:
        MissingExtra: plotext is not installed.
    """
    require("history", "plotext")
    for series, points in trends.items():
        heading = f"{visible(series.title)}\n{caption(metric, series, points)}"
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
