"""What became of each layer when channels left."""

from __future__ import annotations

from typing import Any

from edgekit.passes.base import Treatment
from edgekit.passes.channels.wiring import Wiring
from edgekit.passes.graph import Graph


def treatments(graph: Graph, before: Wiring, after: Wiring) -> tuple[Treatment, ...]:
    """Return what was done to each layer, or why nothing was, in the order of execution.

    Args:
        graph: Of the pruned model.
        before: Of the model as it was.
        after: Of the pruned model.
    """
    outputs = {node.layer.name: node.output for node in reversed(graph.nodes)}
    return tuple(
        Treatment(layer=name, done=done)
        if (done := _done(name, before, after))
        else Treatment(layer=name, skipped=_reason(name, tensor, after))
        for name, tensor in reversed(outputs.items())
    )


def _done(name: str, before: Wiring, after: Wiring) -> str | None:
    made = [len(wiring.makers.get(name, ())) for wiring in (before, after)]
    parts = [f"{made[1]} of {made[0]} channels stay"] if made[0] != made[1] else []
    cuts = [wiring.cuts.get(name) for wiring in (before, after)]
    sizes = [sum(map(len, cut.ids())) if cut else 0 for cut in cuts]
    if sizes[0] != sizes[1] and not parts:
        parts.append("follows the channels that come in")
    return parts[0] if parts else None


def _reason(name: str, tensor: Any, after: Wiring) -> str:
    if name in after.unknown:
        return after.unknown[name]
    if name not in after.makers and name not in after.cuts:
        return "makes no channels"
    ids = after.makers.get(name, after.tensors[id(tensor)])
    for found in after.classes[ids].tolist():
        if found in after.reasons:
            return f"channels stay: {after.reasons[found]}"
    return "the budget is kept without"
