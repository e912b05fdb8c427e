"""The file's graph laid out as `edgekit inspect --html` does, float islands marked and numbered."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edgekit.artifact import TensorSpec
from edgekit.auditing import AuditResult
from edgekit.auditing.result import Operator
from edgekit.errors import MissingExtra
from edgekit.inspection import Inspection, OperatorFacts, TensorFacts
from edgekit.report.graph.picture import ABOVE, Box, Picture, picture
from edgekit.report.html.pictures.canvas import Canvas
from edgekit.report.html.pictures.islands import numbers

MOST = 60
"""Operators; of longer files the blocks of ``islands`` are drawn."""

_EDGE = 4.0  # pixels above the first box

Edges = Sequence[tuple[int, int]]


def draw(found: AuditResult, edges: Edges) -> Markup | None:
    """Draw every operator that computes, and what goes from one to the other.

    None where there are too many of them, nothing is known of what joins them, or the extra
    ``picture`` is not installed.
    """
    computed = [one for one in found.operators if not one.precision.startswith("constant")]
    if not edges or not 1 < len(computed) <= MOST:
        return None
    try:
        laid = picture(_inspection(found, computed, edges))
    except MissingExtra:
        return None
    islands = numbers(found)
    return _drawn(laid, [islands.get(one.index, 0) for one in computed], computed)


def _drawn(laid: Picture, islands: Sequence[int], computed: Sequence[Operator]) -> Markup:
    (part,) = laid.parts
    marked = sum(map(bool, islands))
    said = f"The graph: {len(computed)} operators from input to output, {marked} in float islands"
    canvas = Canvas(
        laid.width,
        laid.height - ABOVE + _EDGE,
        said,
        "laid",
        left=-part.x,
        top=ABOVE - _EDGE,
        natural=True,
    )
    for line in part.lines:
        canvas.path((line.path,), "arc", down=ABOVE)
    for box in part.boxes:
        operator = None if box.row is None else computed[box.row]
        number = 0 if box.row is None else islands[box.row]
        _box(canvas, box, laid, number, operator)
    return canvas.svg()


def _box(canvas: Canvas, box: Box, laid: Picture, island: int, operator: Operator | None) -> None:
    sort = "island" if island else box.kind
    tip = box.name
    if operator is not None:
        tip = f"{operator.kind}: {operator.layer}; {operator.precision}; {operator.macs:,} MACs"
        tip += f"; {operator.why}" if operator.why else ""
    width, height = laid.sizes.width, laid.sizes.height
    canvas.box(box.x, box.y, width, height, f"block {sort}", tip=tip)
    if box.bar > 0:
        canvas.box(box.x + 4, box.y + height - 7, (width - 8) * box.bar, 4, "cost")
    title = f"island {island}: {box.title}" if island else box.title
    for place, words in enumerate((title, box.name, box.figures)):
        kind = "on-block kind" if place == 0 else "on-block"
        canvas.say_within(box.x, box.y + 14 * place, width, 24, words, kind)


def _inspection(found: AuditResult, computed: Sequence[Operator], edges: Edges) -> Inspection:
    """Return the graph as far as a report holds it: tensors are called by who makes them."""
    known = {one.index for one in computed}
    before: dict[int, list[int]] = {}
    for maker, reader in edges:
        if {maker, reader} <= known:
            before.setdefault(reader, []).append(maker)
    given = {maker for makers in before.values() for maker in makers}
    ends = [one for one in computed if one.index not in given]
    # Which of several inputs an operator reads, and which output it writes, a report does not say.
    inputs = ("input",) if len(found.inputs) == 1 else ()
    last = len(found.outputs) == len(ends) == 1
    tensors = {_key(one.index): _tensor(one.layer) for one in computed}
    if inputs:
        tensors["input"] = _of_spec(found.inputs[0])
    if last:
        tensors[_key(ends[0].index)] = _of_spec(found.outputs[0])
    return Inspection(
        path=found.path, sha256="", format=found.format, file_bytes=found.file_bytes,
        macs=found.macs, integer_mac_share=found.integer_mac_share,
        weight_bytes=found.weight_bytes, graphs=("",), inputs=inputs,
        outputs=(_key(ends[0].index),) if last else (),
        operators=tuple(
            _operator(at, one, [_key(m) for m in before.get(one.index, [])] or list(inputs))
            for at, one in enumerate(computed)
        ),
        tensors=tensors,
    )  # fmt: skip


def _key(index: int) -> str:
    return f"of {index}"


def _operator(number: int, one: Operator, reads: Sequence[str]) -> OperatorFacts:
    return OperatorFacts(
        index=one.index, graph=0, number=number, kind=one.kind, layer=one.layer,
        precision=one.precision, numbers=one.numbers, macs=one.macs, weights=one.weights,
        weight_bytes=0, inputs=tuple(reads), outputs=(_key(one.index),), reads=tuple(reads),
    )  # fmt: skip


def _tensor(name: str) -> TensorFacts:
    return TensorFacts(name=name, shape=None, dtype="", bytes=0, constant=False)


def _of_spec(spec: TensorSpec) -> TensorFacts:
    return TensorFacts(
        name=spec.name, shape=spec.shape, dtype=spec.dtype, bytes=0, constant=False
    )  # fmt: skip
