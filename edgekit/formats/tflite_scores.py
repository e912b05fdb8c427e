"""Lets a TFLite file give what its last softmaxes are given, besides what it gave before."""

from __future__ import annotations

from typing import Any

from edgekit.formats import tflite, tflite_edit

_PASSED = ("DEQUANTIZE", "QUANTIZE")
_BEHIND = ";scores"


def with_scores(content: bytes) -> bytes:
    """Return the file with more outputs; as it is, where no output is made by a softmax."""
    model = tflite.parse(content)
    return tflite.pack(model) if reveal(model) else content


def reveal(model: Any) -> bool:
    """Add the outputs to a parsed file; return whether there are some to add."""
    graph = model.subgraphs[0]
    makers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    inputs, outputs = tflite.io_names(model)
    found = {
        scores_of(name): given
        for name, index in zip(outputs, graph.outputs, strict=True)
        if (given := _given(model, makers, int(index))) is not None
    }
    graph.outputs = [*graph.outputs, *found.values()]
    tflite.sign(model, inputs, [*outputs, *found])
    return bool(found)


def scores_of(output: str) -> str:
    """Return the name of the output that holds what an output's softmax is given."""
    return f"{output}{_BEHIND}"


def _given(model: Any, makers: dict[int, Any], index: int) -> int | None:
    """Return the tensor that the softmax behind an output is given."""
    while (operator := makers.get(index)) is not None:
        kind = tflite_edit.kind(model, operator)
        if kind == "SOFTMAX" and operator.builtinOptions.beta == 1:
            return int(operator.inputs[0])
        if kind not in _PASSED:
            return None
        index = int(operator.inputs[0])
    return None
