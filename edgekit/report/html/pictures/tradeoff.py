"""Accuracy against latency against size: one panel a device, the Pareto front marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from edgekit.report import text
from edgekit.report.html.entry import Entry
from edgekit.report.html.front import pareto
from edgekit.report.html.pictures.axis import Scale, over
from edgekit.report.html.pictures.canvas import Canvas

_WIDTH, _HEIGHT = 420.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 16.0, 16.0, 44.0
_LEAST, _MOST, _MOST_CROWDED = 6.0, 17.0, 12.0
_CROWD = 6
HERE = "this host"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What the vertical axis shows: of which figure, and which way is better."""

    name: str
    higher_is_better: bool = True


@dataclass(frozen=True, kw_only=True)
class Point:
    """A file on a device: the number of its artifact in the report, and its figures.

    ``is_float`` is the float file of that artifact's format.
    """

    number: int
    name: str
    is_float: bool = False
    quality: float
    quality_low: float | None = None
    quality_high: float | None = None
    latency_ms: float | None = None
    latency_low_ms: float | None = None
    latency_high_ms: float | None = None
    size_kib: float
    front: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """All files on one device. ``basis`` says how the latencies were come by."""

    device: str
    basis: str
    quality: Quality
    points: tuple[Point, ...]


def panels(entries: Sequence[Entry]) -> list[Panel]:
    """Return a panel for this host and for each device, with the front among its own files."""
    quality = _quality(entries)
    found: dict[tuple[str, str], list[Point]] = {}
    for number, entry in enumerate(entries, 1):
        for place, point in _points(number, entry, quality):
            known = found.setdefault(place, [])
            if not (point.is_float and any(p.name == point.name for p in known)):
                known.append(point)
    return [
        Panel(device=device, basis=basis, quality=quality, points=_marked(points, quality))
        for (device, basis), points in found.items()
    ]


def _quality(entries: Sequence[Entry]) -> Quality:
    found = [entry.report.evaluation for entry in entries]
    metrics = {(one.metric, one.higher_is_better) for one in found if one is not None}
    scored = all(one is not None and one.artifact_score is not None for one in found)
    if scored and len(metrics) == 1:
        metric, higher = metrics.pop()
        return Quality(name=str(metric), higher_is_better=higher)
    if all(one is not None and one.agreement is not None for one in found):
        return Quality(name="agreement")
    return Quality(name="SQNR, dB")


def _points(number: int, entry: Entry, quality: Quality) -> Iterator[tuple[tuple[str, str], Point]]:
    report = entry.report
    own = _point(number, entry, quality)
    if report.latency is not None:
        taken, base = report.latency.artifact, report.latency.float_baseline
        here = (HERE, "measured")
        yield here, replace(own, latency_ms=taken.median_ms)
        was = _source_quality(entry, quality)
        if base is not None and was is not None:
            yield here, Point(
                number=number, is_float=True, name=f"float {report.target.format}", quality=was,
                latency_ms=base.median_ms, size_kib=report.artifact.float_size_bytes / 1024,
            )  # fmt: skip
    elif not entry.devices:
        yield ("no device", "not measured"), own
    for one in entry.devices:
        if one.latency is not None:
            yield (text.visible(one.device, most=60), one.latency.basis), replace(
                own, latency_ms=one.latency.ms, latency_low_ms=one.latency.low_ms,
                latency_high_ms=one.latency.high_ms,
            )  # fmt: skip


def _point(number: int, entry: Entry, quality: Quality) -> Point:
    report, found = entry.report, entry.report.evaluation
    point = Point(
        number=number, name=report.target.name, quality=report.parity_sqnr_db,
        size_kib=report.artifact.size_bytes / 1024,
    )  # fmt: skip
    if found is None or quality.name == "SQNR, dB":
        return point
    if quality.name == "agreement" or found.artifact_score is None:
        return replace(point, quality=found.agreement or 0.0)
    point = replace(point, quality=found.artifact_score)
    low, high, was = found.drop_low_pp, found.drop_high_pp, found.source_score
    if low is None or high is None or was is None or not quality.higher_is_better:
        return point
    return replace(point, quality_low=was - high / 100, quality_high=was - low / 100)


def _source_quality(entry: Entry, quality: Quality) -> float | None:
    if quality.name == "agreement":
        return 1.0
    found = entry.report.evaluation
    return None if found is None or quality.name == "SQNR, dB" else found.source_score


def _marked(points: Sequence[Point], quality: Quality) -> tuple[Point, ...]:
    sign = -1.0 if quality.higher_is_better else 1.0
    costs = [(sign * point.quality, point.size_kib, point.latency_ms or 0.0) for point in points]
    return tuple(
        replace(point, front=front) for point, front in zip(points, pareto(costs), strict=True)
    )


def draw(panel: Panel) -> Markup:
    """Draw a panel: better is up and to the left, the area of a disc is the file's size."""
    timed = all(point.latency_ms is not None for point in panel.points)
    across = [(p.latency_ms if timed else p.size_kib) or 0.0 for p in panel.points]
    kind = "latency" if timed else "size"
    canvas = Canvas(_WIDTH, _HEIGHT, _said(panel, kind), "tradeoff")
    x = over(across, _LEFT + 14, _WIDTH - _RIGHT - 14, log=True, margin=0.12)
    y = _upright(panel)
    _axes(canvas, panel, x, y, "latency, ms" if timed else "size, KiB")
    largest = max(point.size_kib for point in panel.points) or 1.0
    for place, point in sorted(zip(across, panel.points, strict=True), key=_by_size):
        most = _MOST if len(panel.points) < _CROWD else _MOST_CROWDED
        radius = max(_LEAST, most * math.sqrt(point.size_kib / largest))
        _mark(canvas, point, x, y(point.quality), x(place), radius, y)
    return canvas.svg()


def _by_size(pair: tuple[float, Point]) -> float:
    return -pair[1].size_kib


def _upright(panel: Panel) -> Scale:
    figures = [
        value
        for p in panel.points
        for value in (p.quality, p.quality_low, p.quality_high)
        if value is not None
    ]
    ends = (_HEIGHT - _BOTTOM - 16, _TOP + 16)
    start, end = ends if panel.quality.higher_is_better else ends[::-1]
    return over(figures, start, end, margin=0.08)


def _axes(canvas: Canvas, panel: Panel, x: Scale, y: Scale, name: str) -> None:
    floor = _HEIGHT - _BOTTOM
    for value, label in y.ticks():
        canvas.line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "grid")
        canvas.say(_LEFT - 6, y(value) + 4, label, "tick", anchor="end")
    for value, label in x.ticks(4):
        canvas.line(x(value), _TOP, x(value), floor, "grid")
        canvas.say(x(value), floor + 16, label, "tick", anchor="middle")
    canvas.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis")
    canvas.line(_LEFT, _TOP, _LEFT, floor, "axis")
    canvas.say((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, f"{name} (less is better)", "tick",
               anchor="middle")  # fmt: skip
    better = "more is better" if panel.quality.higher_is_better else "less is better, up"
    canvas.say(_LEFT + 4, _TOP - 4, f"{panel.quality.name} ({better})", "tick")


def _mark(
    canvas: Canvas, point: Point, x: Scale, down: float, across: float, radius: float, y: Scale
) -> None:
    if point.quality_low is not None and point.quality_high is not None:
        canvas.line(across, y(point.quality_low), across, y(point.quality_high), "whisker")
    if point.latency_low_ms is not None and point.latency_high_ms is not None:
        canvas.line(x(point.latency_low_ms), down, x(point.latency_high_ms), down, "whisker")
    kind = "float" if point.is_float else f"series s{(point.number - 1) % 8}"
    canvas.circle(across, down, radius, f"{kind}{' on-front' if point.front else ''}",
                  tip=describe(point))  # fmt: skip
    canvas.say(across, down + 4, mark(point), "inside", anchor="middle")


def mark(point: Point) -> str:
    """Return what stands in a point's disc: its number, with an f if it is the float file."""
    return f"{'f' if point.is_float else ''}{point.number}"


def describe(point: Point) -> str:
    """Return a point's figures in words."""
    latency = "" if point.latency_ms is None else f"{text.milliseconds(point.latency_ms)}, "
    front = ", on the Pareto front" if point.front else ""
    size = text.kib(round(point.size_kib * 1024))
    return f"{point.name}: {point.quality:.4g}, {latency}{size}{front}"


def _said(panel: Panel, kind: str) -> str:
    points = "; ".join(describe(point) for point in panel.points)
    return f"{panel.quality.name} against {kind} on {panel.device}: {points}"
