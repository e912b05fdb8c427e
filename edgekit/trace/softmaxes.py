"""Which outputs of a trace a softmax makes."""

from __future__ import annotations

from edgekit.trace.freeze import Trace


def softmax_outputs(trace: Trace) -> frozenset[str]:
    """Return the names of the outputs that come straight out of a softmax."""
    nodes = {node.name: node for node in trace.outline().node}
    found = set[str]()
    for spec, tensor in zip(trace.outputs, trace.output_tensors, strict=True):
        node = nodes[tensor.partition(":")[0]]
        while node.op == "Identity":
            node = nodes[node.input[0].partition(":")[0]]
        if node.op == "Softmax":
            found.add(spec.name)
    return frozenset(found)
