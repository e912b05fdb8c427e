"""Where the points of a trend lie in a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.history.caption import caption
from edgekit.history.run import Point, Series, scale_of
from edgekit.report.text import visible

WIDTH, HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 10, 24


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point of the drawing, and what it says."""

    x: float
    y: float
    run: int
    verdict: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A trend, drawn in a frame of ``width`` by ``height``; ticks are (place, text)."""

    series: Series
    title: str
    said: str
    path: str
    marks: tuple[Mark, ...]
    rows: tuple[tuple[float, str], ...]
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT


def charted(metric: str, series: Series, points: Sequence[Point]) -> Chart:
    """Draw a trend of at least one point; runs stand apart evenly, in the order of their time."""
    unit = series.unit
    values = [point.value for point in points]
    low, high = scale_of(values)
    marks = tuple(
        Mark(
            x=_LEFT + (WIDTH - _LEFT - _RIGHT) * (at / max(len(points) - 1, 1)),
            y=_height(point.value, low, high), run=point.run, verdict=point.verdict,
            said=f"run {point.run}, {point.time:%Y-%m-%d}: {point.value:.4g} {unit}".rstrip(),
        )
        for at, point in enumerate(points)
    )  # fmt: skip
    return Chart(
        series=series, title=visible(series.title),
        said=caption(metric, series, points),
        path=" ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in marks), marks=marks,
        rows=tuple((_height(v, low, high), f"{v:.3g}") for v in dict.fromkeys((low, high))),
        first=f"{points[0].time:%Y-%m-%d}", last=f"{points[-1].time:%Y-%m-%d}",
    )  # fmt: skip


def _height(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low)
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)
