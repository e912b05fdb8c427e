"""The error layer by layer: SQNR in execution order, with the worst named."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from edgekit.accuracy import LayerError, LayerErrors
from edgekit.report import text
from edgekit.report.html.pictures.axis import Scale, over
from edgekit.report.html.pictures.canvas import Canvas, move, to

_WIDTH, _HEIGHT = 640.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 12.0, 26.0, 40.0
_MOST_DB = 100.0
_NAMED = 3


def draw(found: LayerErrors) -> Markup:
    """Draw a mark a tensor, up is better; the three of the lowest SQNR carry their rank."""
    layers = sorted(found.layers, key=lambda layer: layer.position)
    worst = found.worst
    name = worst.name if worst else ""
    label = f"SQNR of {len(layers)} tensors in execution order; the lowest, "
    label += f"{text.decibels(worst.sqnr_db) if worst else '-'}, at {text.visible(name, most=80)}"
    canvas = Canvas(_WIDTH, _HEIGHT, label, "layers")
    floor = _HEIGHT - _BOTTOM
    x = Scale(low=-0.5, high=len(layers) - 0.5, start=_LEFT, end=_WIDTH - _RIGHT)
    shown = [_shown(layer) for layer in layers]
    y = over([db for db in shown if db < _MOST_DB] or shown, floor - 6, _TOP + 10)
    for value, tick in y.ticks():
        canvas.line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "grid")
        canvas.say(_LEFT - 6, y(value) + 4, tick, "tick", anchor="end")
    canvas.line(_LEFT, floor, _WIDTH - _RIGHT, floor, "axis")
    canvas.say(4, 14, "SQNR, dB (more is better)", "tick")
    canvas.say((_LEFT + _WIDTH) / 2, _HEIGHT - 8, "tensors, in the order of execution",
               "tick", anchor="middle")  # fmt: skip
    places = [(x(at), y(_shown(layer))) for at, layer in enumerate(layers)]
    if len(places) > 1:
        canvas.path((move(*places[0]), *(to(*place) for place in places[1:])), "trend")
    _marks(canvas, layers, places, floor, found.worst_drop)
    return canvas.svg()


def _marks(
    canvas: Canvas, layers: Sequence[LayerError], places: Sequence[tuple[float, float]],
    floor: float, arises: LayerError | None,
) -> None:  # fmt: skip
    size = 4.0 if len(layers) <= 60 else 2.5
    for layer, (x, y) in zip(layers, places, strict=True):
        bad = layer.rank <= _NAMED
        tip = f"{layer.name}: {text.decibels(layer.sqnr_db)}, added noise {layer.added_noise:.3g}"
        if len(layers) <= 120 or bad:
            canvas.line(x, y, x, floor, "stem bad" if bad else "stem")
        canvas.circle(x, y, size + 1.5 * bad, "dot bad" if bad else "dot", tip=tip)
        if bad:
            canvas.say(x, y - 9, str(layer.rank), "mark", anchor="middle")
        if arises is not None and layer.position == arises.position:
            canvas.path((move(x - 5, floor + 12), to(x, floor + 3), to(x + 5, floor + 12), "Z"),
                        "arrow", tip=f"most noise is added here: {layer.name}")  # fmt: skip


def _shown(layer: LayerError) -> float:
    """Return the SQNR within what can be told apart by eye; NaN counts as the worst."""
    if math.isnan(layer.sqnr_db):
        return -_MOST_DB
    return min(max(layer.sqnr_db, -_MOST_DB), _MOST_DB)
