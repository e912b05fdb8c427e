"""Lets comparisons and searches of a quantized TFLite file read integers instead of floats."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from edgekit.formats import tflite, tflite_edit

_INT8 = 9
_COMPARISONS = {"EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"}
# The comparing kernels end the process on any scale that is not below it.
_SCALE_LIMIT = 1.0
_SEARCHES = {"ARG_MAX", "ARG_MIN"}


def read_integers(model: Any) -> None:
    """Connect them to what their inputs were dequantized from, in place.

    They have integer kernels and give no real numbers, so the converter's quantizer, which looks at
    results, passes them over. A constant to compare with gets a scale of its own and stays exact.
    """
    graph = model.subgraphs[0]
    stand_for = _stand_ins(model)
    for operator in graph.operators:
        kind = tflite_edit.kind(model, operator)
        count = 2 if kind in _COMPARISONS else 1 if kind in _SEARCHES else 0
        found = [_integer(model, stand_for, int(index)) for index in operator.inputs[:count]]
        if not count or any(index is None for index in found):
            continue
        operator.inputs = np.array([*found, *operator.inputs[count:]], np.int32)


def _stand_ins(model: Any) -> dict[int, int]:
    """Map float tensors to the int8 ones that they were made from, or that were made from them."""
    graph, found = model.subgraphs[0], {}
    for operator in graph.operators:
        kind = tflite_edit.kind(model, operator)
        if kind in ("QUANTIZE", "DEQUANTIZE"):
            pair = int(operator.inputs[0]), int(operator.outputs[0])
            real, stored = pair if kind == "QUANTIZE" else pair[::-1]
            if graph.tensors[stored].type == _INT8 and graph.tensors[real].type == 0:
                found[real] = stored
    return found


def _integer(model: Any, stand_for: dict[int, int], index: int) -> int | None:
    """Return an int8 tensor that stands for a float one, if there is one or a constant to make."""
    stored = stand_for.get(index)
    if stored is not None:
        scale = float(model.subgraphs[0].tensors[stored].quantization.scale[0])
        return stored if scale < _SCALE_LIMIT else None
    value = tflite.constant(model, index)
    if value is None or value.dtype != np.float32 or value.size != 1:
        return None
    number = float(value.ravel()[0])
    return _constant(model, index, number) if abs(number) / 127 < _SCALE_LIMIT else None


def _constant(model: Any, index: int, value: float) -> int:
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    old = graph.tensors[index]
    shape = [] if old.shape is None else list(copy.copy(old.shape))
    stored = np.full(shape, int(np.sign(value)) * 127, np.int8)
    made = tflite_edit.tensor(model, f"{old.name.decode()};int8", shape, "int8", value=stored)
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.array([abs(value) / 127 or 0.5], np.float32)
    quantization.zeroPoint = np.array([0], np.int64)
    graph.tensors[made].quantization = quantization
    return made
