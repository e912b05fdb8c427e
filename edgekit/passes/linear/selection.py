"""Which layers a pass rounds, and onto which grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from edgekit.errors import OptionError
from edgekit.passes.base import Treatment
from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.view import linear
from edgekit.passes.simulate.grid import weight_levels
from edgekit.target import Target


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """Calls whose layers can be rounded, each layer once, and why others cannot."""

    nodes: tuple[Node, ...]
    skipped: tuple[Treatment, ...]


def select(graph: Graph, skip: Sequence[str]) -> Selection:
    """Choose the layers with a kernel that are called once and that no pattern skips."""
    nodes, skipped = [], []
    for node in graph.nodes:
        reason = _reason(graph, node, skip)
        if reason is None:
            nodes.append(node)
        elif reason:
            skipped.append(Treatment(layer=node.name, skipped=reason))
    return Selection(nodes=tuple(nodes), skipped=tuple(skipped))


def _reason(graph: Graph, node: Node, skip: Sequence[str]) -> str | None:
    """Return why a layer is left alone; empty where it has no weights to round."""
    if not any(len(v.shape) > 1 for v in getattr(node.layer, "weights", ())):
        return ""
    if any(fnmatchcase(str(node.layer.name), pattern) for pattern in skip):
        return "the option skip names it"
    if linear(node.layer) is None:
        return f"{node.kind} is no convolution or dense layer: it is rounded at conversion"
    calls = len(graph.calls_of(node.layer))
    return None if calls == 1 else f"it is shared: {calls} calls would want {calls} corrections"


def top_of(bits: int | None, target: Target | None) -> int:
    """Return the largest integer of weights: of so many bits, or of what the target stores."""
    quantization = target.quantization if target is not None else None
    if bits is None:
        bits = 4 if quantization is not None and quantization.weights == "int4" else 8
    reduce_range = quantization is not None and quantization.reduce_range
    return weight_levels(bits, reduce_range=reduce_range)


def check_bits(bits: int | None) -> None:
    """Refuse a number of bits that no grid has.

    Raises:
        OptionError: it is not between 2 and 8.
    """
    if bits is not None and not 2 <= bits <= 8:
        raise OptionError(f"bits: expected 2 to 8, or none for what the target stores, got {bits}")


def refuse_behind(name: str, others: Sequence[Any], trained: str = "qat") -> list[str]:
    """Say that a pass undoes what a training one before it has fitted."""
    names = [other.name for other in others]
    if name in names and trained in names[: names.index(name)]:
        return [f"{name} stands behind {trained}, whose weights are on their grid already: drop it"]
    return []
