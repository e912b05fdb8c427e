"""One tensor in words, and the numbers of a constant as bars on a terminal."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence

from edgekit.errors import UnknownName
from edgekit.inspection import Inspection, TensorFacts
from edgekit.inspection.content import Numbers, numbers_of
from edgekit.report import text
from edgekit.report.graph.words import grid, tensor

_BAR = 44
_MOST = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def described(graph: Inspection, name: str) -> Iterator[str]:
    """Yield the facts of each tensor of a name, or that fits a pattern with ``*`` and ``?``.

    Raises:
        UnknownName: there is none.
        ArtifactError: the file cannot be read any more.
    """
    keys = [key for key, one in graph.tensors.items() if one.name == name]
    keys = keys or [
        key for key, one in graph.tensors.items() if fnmatch.fnmatchcase(one.name, name)
    ]
    if not keys:
        known = {text.visible(one.name, most=60) for one in graph.tensors.values()}
        near = sorted(one for one in known if name.lower() in one.lower())[:10]
        raise UnknownName("tensor", name, near or sorted(known)[:10])
    for key in keys[:_MOST]:
        yield from _facts(graph, key, graph.tensors[key])
        if graph.tensors[key].constant:
            yield from _numbers(numbers_of(graph.path, key))
        yield ""
    if len(keys) > _MOST:
        yield f"{len(keys) - _MOST} more tensors fit {text.visible(name)!r}"


def _facts(graph: Inspection, key: str, one: TensorFacts) -> Iterator[str]:
    what = "constant" if one.constant else "computed"
    yield text.visible(one.name, most=400)
    yield f"  {what}, {tensor(one)}, {one.bytes:,} bytes"
    if one.grid is not None:
        yield f"  quantized:{grid(one)}"
        if one.grid.low is not None and one.grid.high is not None:
            yield f"  range: {one.grid.low:.5g} to {one.grid.high:.5g}"
    makers = [op for op in graph.operators if key in op.outputs]
    readers = [op for op in graph.operators if key in op.inputs]
    yield from _named("made by", [f"{op.index} {op.kind} {op.layer}" for op in makers])
    yield from _named("read by", [f"{op.index} {op.kind} {op.layer}" for op in readers])


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in names[:5]:
        yield f"  {what} {text.visible(name, most=64)}"
    if len(names) > 5:
        yield f"  {what} {len(names) - 5} more"


def _numbers(found: Sequence[Numbers]) -> Iterator[str]:
    if not found:
        yield "  its numbers cannot be shown: none, sparse, or of a type that numpy has not"
    for one in found:
        distinct = "more than 65,536" if one.distinct is None else f"{one.distinct:,}"
        yield (
            f"  {one.unit}: {one.low:.5g} to {one.high:.5g}, mean {one.mean:.4g}, "
            f"deviation {one.deviation:.4g}"
        )
        yield f"  {one.elements:,} numbers, {distinct} distinct, {text.share(one.zeros)} zero"
        if one.not_finite:
            yield f"  not finite: {one.not_finite:,}"
    if found:
        yield from histogram(found[-1])


def histogram(found: Numbers) -> Iterator[str]:
    """Yield a bar for each bin, with the number that it begins at."""
    most = max(found.counts)
    for start, number in zip(found.edges, found.counts, strict=False):
        eighths = round(number / most * _BAR * 8) if most else 0
        eighths = max(eighths, 1) if number else 0
        whole, rest = divmod(eighths, 8)
        bar = "█" * whole + (_EIGHTHS[rest] if rest else "")
        yield f"  {start:>12.5g} {bar.ljust(_BAR)} {number:>10,}"
