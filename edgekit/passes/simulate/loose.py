"""Which tensors the runtimes of OpenVINO and ONNX leave in float, where TFLite's would round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.passes.graph import Graph, Node
from edgekit.passes.simulate.kinds import (
    AVERAGES,
    FIXED,
    KERNELS,
    MOVES,
    RECTIFIERS,
    fixed_function,
    function_of,
)

# One operation of OpenVINO each, which reads what was not rounded.
_READS_FLOAT = frozenset({
    "silu", "hard_silu", "mish", "elu", "selu", "sigmoid", "tanh", "softplus", "softsign",
    "hard_sigmoid", "leaky_relu", "prelu",
})  # fmt: skip
# Operations that ONNX Runtime's quantizer does not know.
_STAYS_FLOAT = frozenset({
    "Add", "Subtract", "Multiply", "Average", "Rescaling", "Maximum", "Minimum", "Concatenate",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
})  # fmt: skip


def loose(graph: Graph, names: Mapping[int, str], kind: str) -> set[str]:
    """Return the names of tensors that stay in float in a format.

    In OpenVINO outputs do, what a last softmax reads, what activations read that are one operation
    there, and what it adds onto before the sums of a convolution are rounded. ONNX Runtime rounds
    only what a convolution, a matrix product or a pooling reads or makes.
    """
    if kind == "openvino":
        return _ends(graph, names) | _added_to(graph, names) | _activated(graph, names)
    return _untouched(graph, names) if kind == "onnx" else set()


def _ends(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return the outputs, and what nothing but a last softmax reads."""
    found = set()
    for tensor in graph.model.outputs:
        found.add(names[id(tensor)])
        node = graph.producer(tensor)
        if node is not None and fixed_function(node, FIXED):
            before = node.inputs[0]
            if graph.only_consumer(before) is node and graph.producer(before) is not None:
                found.add(names[id(before)])
    return found


def _added_to(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return the first operand of each addition that is a convolution's and nobody else's."""
    found = set()
    for node in graph.nodes:
        for tensor in node.inputs if node.kind == "Add" else ():
            producer = graph.producer(tensor)
            if producer and producer.kind in KERNELS and graph.only_consumer(tensor) is node:
                found.add(names[id(tensor)])
                break
    return found


def _activated(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return what nothing but an activation reads that takes floats."""
    return {
        names[id(node.inputs[0])]
        for node in graph.nodes
        if function_of(node) in _READS_FLOAT
        and graph.only_consumer(node.inputs[0]) is node
        and graph.producer(node.inputs[0]) is not None
    }


def _untouched(graph: Graph, names: Mapping[int, str]) -> set[str]:
    """Return what is neither made nor read by an operation that ONNX Runtime rounds around."""
    every = [*graph.model.inputs, *(tensor for node in graph.nodes for tensor in node.outputs)]
    return {names[id(tensor)] for tensor in every if not _touched(graph, tensor)}


def _touched(graph: Graph, tensor: Any) -> bool:
    maker = graph.producer(tensor)
    if any(_rounds(reader) for reader in _readers(graph, tensor)):
        return True
    if maker is not None and _passes_on(maker):
        return any(_touched(graph, source) for source in maker.inputs)
    return maker is not None and _rounds(maker)


def _passes_on(node: Node) -> bool:
    """Whether ONNX Runtime rounds what a call makes if it rounds what it reads, and only then."""
    return node.kind in MOVES | AVERAGES or function_of(node) in RECTIFIERS


def _rounds(node: Node) -> bool:
    """Whether ONNX Runtime rounds what a call reads and makes, in any case."""
    float_only = node.kind in _STAYS_FLOAT or function_of(node) in _READS_FLOAT | FIXED.keys()
    return not float_only and not _passes_on(node)


def _readers(graph: Graph, tensor: Any) -> Iterator[Node]:
    """Yield what reads a tensor, seen through what changes no value before it is rounded."""
    for node in graph.consumers(tensor):
        if node.kind in MOVES or function_of(node) in RECTIFIERS:
            for made in node.outputs:
                yield from _readers(graph, made)
        else:
            yield node
