"""What each operator costs, as bars in three levels: all, kinds, operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edgekit.devices.figures import DeviceMeasurement
from edgekit.report import text
from edgekit.report.html.pictures.canvas import Canvas
from edgekit.report.model import Report

_WIDTH, _LEVEL, _GAP = 640.0, 30.0, 2.0
_THINNEST = 0.7


@dataclass(frozen=True, kw_only=True)
class Part:
    """One operator. ``cost`` is in the unit of its ``Work``."""

    kind: str
    layer: str
    cost: float
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The costs of all operators of a file in one place; ``is_time`` unless only work is known."""

    device: str
    unit: str
    basis: str
    is_time: bool
    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """The sum over all operators."""
        return sum(part.cost for part in self.parts)


def on_device(one: DeviceMeasurement) -> Work | None:
    """Return what a device knows of operators: time, else cycles, else instructions."""
    basis = one.bases.get("operators", "")
    for unit, field in (("ms", "latency_ms"), ("cycles", "cycles"), ("instructions", None)):
        costs = [getattr(o, field or "instructions") for o in one.operators]
        if any(costs):
            parts = tuple(
                Part(kind=o.kind, layer=o.layer, cost=float(cost or 0), where=o.where)
                for o, cost in zip(one.operators, costs, strict=True)
            )
            return Work(device=one.device, unit=unit, basis=basis, is_time=unit == "ms",
                        parts=parts)  # fmt: skip
    return None


def by_macs(report: Report) -> Work | None:
    """Return the multiply-accumulates that the file itself shows; None where there are none."""
    parts = tuple(
        Part(kind=o.kind, layer=o.layer, cost=float(o.macs), where=o.precision)
        for o in report.audit.operators if o.macs
    )  # fmt: skip
    if not parts:
        return None
    return Work(device="the file itself", unit="MACs", basis="computed", is_time=False, parts=parts)


def draw(work: Work) -> Markup:
    """Draw the bars: widths are shares of the whole, operators stand below their kind."""
    groups: dict[str, list[Part]] = {}
    for part in work.parts:
        groups.setdefault(part.kind, []).append(part)
    ranked = sorted(groups.items(), key=lambda item: -sum(part.cost for part in item[1]))
    same = _common([part.layer for part in work.parts])
    height = 3 * _LEVEL + 2 * _GAP
    canvas = Canvas(_WIDTH, height, _said(work, ranked), "work")
    scale = _WIDTH / (work.total or 1.0)
    _bar(canvas, 0, 0, _WIDTH, f"all: {figure(work.total, work.unit)}", "whole")
    at = 0.0
    for number, (kind, parts) in enumerate(ranked):
        whole = sum(part.cost for part in parts)
        share = whole / (work.total or 1.0)
        tone = f"series s{number % 8}"
        _bar(canvas, at, 1, whole * scale, f"{kind} {share:.0%}", tone,
             tip=f"{kind}: {figure(whole, work.unit)}, {text.share(share)}")  # fmt: skip
        for part in sorted(parts, key=lambda part: -part.cost):
            width = part.cost * scale
            if width >= _THINNEST:
                _bar(canvas, at, 2, width, part.layer[same:], f"{tone} light",
                     tip=f"{part.layer} ({kind}): {figure(part.cost, work.unit)}")  # fmt: skip
            at += width
    return canvas.svg()


def _common(names: Sequence[str]) -> int:
    """Return how many characters all names share up to a slash: the model's own name."""
    first, last = min(names), max(names)
    alike = next((at for at, pair in enumerate(zip(first, last, strict=False))
                  if pair[0] != pair[1]), 0)  # fmt: skip
    return first.rfind("/", 0, alike) + 1


def figure(cost: float, unit: str) -> str:
    """Return a cost with its unit."""
    return f"{cost:,.3g} {unit}" if unit == "ms" else f"{cost:,.0f} {unit}"


def _bar(
    canvas: Canvas, x: float, level: int, width: float, words: str, kind: str, *, tip: str = ""
) -> None:
    top = level * (_LEVEL + _GAP)
    canvas.box(x, top, max(width - 1, 0.5), _LEVEL, kind, tip=tip or words)
    ground = "whole" if kind == "whole" else "light" if "light" in kind else "series"
    canvas.say_within(x, top, width, _LEVEL, words, f"on-{ground}")


def _said(work: Work, ranked: Sequence[tuple[str, list[Part]]]) -> str:
    shares = ", ".join(
        f"{kind} {sum(part.cost for part in parts) / (work.total or 1.0):.0%}"
        for kind, parts in ranked[:8]
    )
    return f"{work.unit} by kind of operator on {work.device}: {shares}"
