"""Puts ONNX local functions in the place of their calls, as long as that stays finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekit.errors import ArtifactError

_MOST = 200_000
TENSOR, _GRAPH, _GRAPHS = 4, 5, 10  # AttributeProto.AttributeType


def graphs(attribute: Any) -> Iterator[Any]:
    """Yield the graphs that an attribute holds."""
    if attribute.type == _GRAPH:
        yield attribute.g
    elif attribute.type == _GRAPHS:
        yield from attribute.graphs


def tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield every constant of a graph and of the graphs inside it, with its name."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, sparse.values
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == TENSOR and node.op_type == "Constant":
                yield node.output[0] if node.output else node.name, attribute.t
            for inner in graphs(attribute):
                yield from tensors(inner)


def inlined(onnx: Any, model: Any) -> Any:
    """Return the model with calls of its own functions replaced by what they do.

    Raises:
        ArtifactError: functions call themselves, or expand to more operators than 200,000.
    """
    if not model.functions:
        return model
    known = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    if _size(model.graph.node, known, sizes, ()) > _MOST:
        raise ArtifactError(f"its functions expand to more than {_MOST} operators")
    from onnx import inliner

    return inliner.inline_local_functions(model)


def _size(
    nodes: Any,
    known: dict[tuple[str, str], Any],
    sizes: dict[tuple[str, str], int],
    calls: tuple[tuple[str, str], ...],
) -> int:
    """Count operators after expansion, each function once."""
    total = 0
    for node in nodes:
        name = (node.domain, node.op_type)
        for attribute in node.attribute:
            for graph in graphs(attribute):
                total += _size(graph.node, known, sizes, calls)
        if name not in known:
            total += 1
            continue
        if name in calls:
            raise ArtifactError(f"its function {node.op_type!r} calls itself")
        if name not in sizes:
            sizes[name] = _size(known[name].node, known, sizes, (*calls, name))
        total += sizes[name]
    return total
