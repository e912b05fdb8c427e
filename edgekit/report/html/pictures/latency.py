"""Every latency that was measured, one row a file: the samples, the quartiles, the tail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgekit.bench.measurement import quantile
from edgekit.report import text
from edgekit.report.html.entry import Entry
from edgekit.report.html.pictures.axis import Scale, over
from edgekit.report.html.pictures.canvas import Canvas, move, to

_WIDTH, _ROW, _TOP, _BOTTOM = 420.0, 58.0, 6.0, 40.0
_LEFT, _RIGHT = 8.0, 8.0
_DRAWN = 400


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
    """Draw one strip a row on a common axis; by ratios, so that tails do not hide the rest."""
    height = _TOP + _ROW * len(found) + _BOTTOM
    canvas = Canvas(_WIDTH, height, "; ".join(map(describe, found)), "latency")
    ends = [value for row in found for value in (min(row.samples_ms), max(row.samples_ms))]
    x = over(ends, _LEFT, _WIDTH - _RIGHT, log=True, margin=0.03)
    floor = height - _BOTTOM
    for value, label in x.ticks():
        canvas.line(x(value), _TOP, x(value), floor, "grid")
        canvas.say(x(value), floor + 16, label, "tick", anchor="middle")
    canvas.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis")
    canvas.say(_WIDTH / 2, height - 8, "ms, single inferences", "tick", anchor="middle")
    for place, row in enumerate(found):
        _strip(canvas, row, x, _TOP + place * _ROW)
    return canvas.svg()


def _strip(canvas: Canvas, row: Row, x: Scale, top: float) -> None:
    low, high = top + 22, top + 46
    middle = (low + high) / 2
    kind = "now" if row.now else "was"
    canvas.say(_LEFT, top + 15, f"{row.name}: median {text.milliseconds(row.at(0.5))}", most=58)
    ordered = sorted(row.samples_ms)
    step = max(1, -(-len(ordered) // _DRAWN))
    drawn = ordered if step == 1 else [*ordered[::step], ordered[-1]]
    ticks = (part for one in drawn for part in (move(x(one), low), to(x(one), high)))
    canvas.path(ticks, f"sample {kind}")
    first, third = x(row.at(0.25)), x(row.at(0.75))
    canvas.line(x(row.at(0.01)), middle, x(row.at(0.99)), middle, "whisker")
    canvas.box(first, middle - 7, max(third - first, 1.5), 14, f"quartiles {kind}",
               tip=describe(row))  # fmt: skip
    canvas.line(x(row.at(0.5)), low - 2, x(row.at(0.5)), high + 2, "median")


def describe(row: Row) -> str:
    """Return a row's figures in words."""
    parts = (("median", 0.5), ("p90", 0.9), ("p99", 0.99))
    said = ", ".join(f"{name} {text.milliseconds(row.at(share))}" for name, share in parts)
    return f"{row.name}: {said}, {len(row.samples_ms):,} runs"
