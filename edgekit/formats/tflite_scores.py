"""Lets a TFLite file give what its last softmaxes are given, besides what it gave before."""

from __future__ import annotations

from typing import Any

from edgekit.formats import tflite, tflite_edit

_PASSED = ("DEQUANTIZE", "QUANTIZE")


def with_scores(content: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the file with more outputs, and their names by the outputs that softmaxes make.

    A file none of whose outputs is made by a softmax comes back as it is.
    """
    model = tflite.parse(content)
    graph = model.subgraphs[0]
    makers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    inputs, outputs = tflite.io_names(model)
    found = {
        name: given
        for name, index in zip(outputs, graph.outputs, strict=True)
        if (given := _given(model, makers, int(index))) is not None
    }
    if not found:
        return content, {}
    names = {name: f"{name};scores" for name in found}
    graph.outputs = [*graph.outputs, *found.values()]
    tflite.sign(model, inputs, [*outputs, *names.values()])
    return tflite.pack(model), names


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
