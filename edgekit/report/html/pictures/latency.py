"""Every latency that was measured, one row a file: the samples, the quartiles, the tail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgekit.bench.measurement import quantile
from edgekit.report import text
from edgekit.report.html.entry import Entry
from edgekit.report.html.pictures.axis import Scale, over
from edgekit.report.html.pictures.canvas import Canvas, move, to

_WIDTH, _ROW, _TOP, _BOTTOM = 480.0, 66.0, 6.0, 40.0
_LEFT, _RIGHT = 8.0, 8.0
_HIGH = 36.0
_BINS = 90
_SHOWN = 0.98


@dataclass(frozen=True, kw_only=True)
class Row:
    """The latencies of one file in one place, in ms; the warm-up is not among them."""

    name: str
    samples_ms: tuple[float, ...]
    now: bool = True

    def at(self, share: float) -> float:
        """Return a quantile."""
        return quantile(self.samples_ms, share)


def rows(entry: Entry) -> list[Row]:
    """Return what was measured of an artifact, here and on devices that time."""
    return list(_rows(entry))


def _rows(entry: Entry) -> Iterator[Row]:
    found = entry.report.latency
    if found is not None:
        if found.float_baseline is not None and found.float_baseline.samples_ms:
            yield Row(name=f"float {entry.report.target.format}, this host", now=False,
                      samples_ms=found.float_baseline.samples_ms)  # fmt: skip
        if found.artifact.samples_ms:
            yield Row(name=f"{entry.report.target.name}, this host",
                      samples_ms=found.artifact.samples_ms)  # fmt: skip
    for one in entry.devices:
        if one.latency is not None and one.latency.samples_ms:
            yield Row(name=f"{entry.report.target.name}, {one.device}",
                      samples_ms=one.latency.samples_ms)  # fmt: skip


def draw(found: Sequence[Row]) -> Markup:
    """Draw one strip a row on a common axis up to the longest p98; it says what lies beyond."""
    height = _TOP + _ROW * len(found) + _BOTTOM
    canvas = Canvas(_WIDTH, height, "; ".join(map(describe, found)), "latency")
    ends = [value for row in found for value in (min(row.samples_ms), row.at(_SHOWN))]
    x = over(ends, _LEFT, _WIDTH - _RIGHT, log=True, margin=0.03)
    floor = height - _BOTTOM
    for value, label in x.ticks(4):
        canvas.line(x(value), _TOP, x(value), floor, "grid")
        canvas.say(x(value), floor + 16, label, "tick", anchor="middle")
    canvas.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis")
    canvas.say(_WIDTH / 2, height - 8, "ms, single inferences", "tick", anchor="middle")
    for place, row in enumerate(found):
        _strip(canvas, row, x, _TOP + place * _ROW)
    return canvas.svg()


def _strip(canvas: Canvas, row: Row, x: Scale, top: float) -> None:
    floor = top + _ROW - 8
    kind = "now" if row.now else "was"
    beyond = sum(value > x.high for value in row.samples_ms)
    said = f"{row.name}: median {text.milliseconds(row.at(0.5))}"
    tail = f"; {beyond} beyond, up to {text.milliseconds(max(row.samples_ms))}" if beyond else ""
    canvas.say(_LEFT, top + 15, said + tail, most=66)
    canvas.path(_area(row, x, floor), f"sample {kind}", tip=describe(row))
    first, third = x(row.at(0.25)), x(row.at(0.75))
    canvas.box(first, floor - 8, max(third - first, 2.0), 8, f"quartiles {kind}",
               tip=describe(row))  # fmt: skip
    canvas.line(x(row.at(0.5)), floor - _HIGH, x(row.at(0.5)), floor, "median")


def _area(row: Row, x: Scale, floor: float) -> list[str]:
    """Return the outline of how many samples lie at each place of the axis."""
    places = [x(value) for value in row.samples_ms if value <= x.high]
    width = (_WIDTH - _RIGHT - _LEFT) / _BINS
    counts = Counter(min(int((place - _LEFT) / width), _BINS - 1) for place in places)
    most = max(counts.values(), default=1)
    steps = [move(_LEFT, floor)]
    for at in range(_BINS):
        level = floor - _HIGH * counts[at] / most
        steps += [to(_LEFT + at * width, level), to(_LEFT + (at + 1) * width, level)]
    return [*steps, to(_WIDTH - _RIGHT, floor), "Z"]


def describe(row: Row) -> str:
    """Return a row's figures in words."""
    parts = (("median", 0.5), ("p90", 0.9), ("p99", 0.99))
    said = ", ".join(f"{name} {text.milliseconds(row.at(share))}" for name, share in parts)
    return f"{row.name}: {said}, {len(row.samples_ms):,} runs"
