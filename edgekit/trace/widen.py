"""Takes a trace to another batch size without running Keras again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgekit.artifact import TensorSpec
from edgekit.trace.freeze import Trace

# They put samples between the parts of samples, so that nothing is cut out of their results.
_INTERLEAVING = ("SpaceToBatchND", "SpaceToBatch")


def widen(trace: Trace, batch: int) -> Trace | None:
    """Return a trace of batch 1 at another batch, or None where it has to be traced anew.

    Only the placeholders' shapes change. That is right exactly where every tensor that depends on
    the inputs grows by ``batch`` along its first axis and nowhere else; a graph whose constants
    hold the batch (a Reshape to (1, ...)), that has loops, or that mixes samples, is no such graph.
    """
    if any(not spec.shape or spec.shape[0] != 1 for spec in trace.inputs):
        return None
    graph = trace.outline()
    if graph.library.function or any(node.op in _INTERLEAVING for node in graph.node):
        return None
    narrow = _shapes(graph)
    _set_batch(graph, trace, batch)
    wide = _shapes(graph)
    if wide is None or narrow is None or not _grows(trace, narrow, wide, batch):
        return None
    graph = trace.graph_def()
    _set_batch(graph, trace, batch)
    return Trace(
        graph=graph.SerializeToString(deterministic=True),
        inputs=tuple(_at(spec, batch) for spec in trace.inputs),
        outputs=tuple(_at(spec, batch) for spec in trace.outputs),
        input_tensors=trace.input_tensors,
        output_tensors=trace.output_tensors,
    )


def _set_batch(graph: Any, trace: Trace, batch: int) -> None:
    placeholders = {name.partition(":")[0] for name in trace.input_tensors}
    for node in graph.node:
        if node.name in placeholders:
            node.attr["shape"].shape.dim[0].size = batch


def _at(spec: TensorSpec, batch: int) -> TensorSpec:
    first = spec.shape[0]
    return replace(spec, shape=(first and first * batch, *spec.shape[1:]))


def _shapes(graph_def: Any) -> dict[str, tuple[list[str], list[Any]]] | None:
    """Return (inputs' names, shape) by tensor, in graph order; None where shapes clash."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        try:
            tf.graph_util.import_graph_def(graph_def, name="")
        except ValueError:
            return None
        return {
            tensor.name: ([i.name for i in operation.inputs], tensor.shape)
            for operation in graph.get_operations()
            for tensor in operation.outputs
        }


def _grows(trace: Trace, narrow: Mapping[str, Any], wide: Mapping[str, Any], batch: int) -> bool:
    """Whether all that depends on the inputs is ``batch`` times as long, and else the same."""
    reached = set(trace.input_tensors)
    for name, (sources, was) in narrow.items():
        if name not in reached and not reached.intersection(sources):
            continue
        reached.add(name)
        now = wide[name][1]
        if not was.is_fully_defined() or not now.is_fully_defined() or not was.rank:
            return False
        if now.as_list() != [was[0] * batch, *was.as_list()[1:]]:
            return False
    return True
