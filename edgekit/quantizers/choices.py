"""Lets comparisons and searches of a quantized TFLite file read integers instead of floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite, tflite_edit

_INT8, _FLOAT32 = 9, 0
_LARGEST = 127
_COMPARISONS = {"EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"}
_SEARCHES = {"ARG_MAX", "ARG_MIN"}
# The comparing kernels round real values to 1/256, and end the process on scales of 0, 1 or more.
_FINE = 1 / 64
_LEAST_SCALE = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Side:
    """What is compared: the int8 tensor at ``index``, or the ``number`` that is constant there."""

    index: int
    scale: float
    number: float | None = None


def read_integers(model: Any) -> None:
    """Connect them to what their inputs were dequantized from, in place.

    They have integer kernels and give no real numbers, so the converter's quantizer, which looks at
    results, passes them over. A constant to compare with gets a scale of its own and stays exact.
    Where the kernel would confuse neighbouring integers, both sides are multiplied first. Equal
    numbers of two scales may still come apart: each side is rounded at its own scale.
    """
    stand_for: dict[int, int] = {}
    made: list[Any] = []
    for operator in model.subgraphs[0].operators:
        kind = tflite_edit.kind(model, operator)
        if kind in _COMPARISONS:
            sides = [_side(model, stand_for, int(index)) for index in operator.inputs]
            operator.inputs = np.array(_aligned(model, sides, made) or operator.inputs, np.int32)
        elif kind in _SEARCHES:
            source, *rest = (int(index) for index in operator.inputs)
            operator.inputs = np.array([stand_for.get(source, source), *rest], np.int32)
        elif kind in ("QUANTIZE", "DEQUANTIZE"):
            _remember(model, operator, kind, stand_for)
        made.append(operator)
    model.subgraphs[0].operators = made


def _remember(model: Any, operator: Any, kind: str, stand_for: dict[int, int]) -> None:
    """Note the int8 tensor that a float one was made from, or made into."""
    pair = int(operator.inputs[0]), int(operator.outputs[0])
    real, stored = pair if kind == "QUANTIZE" else pair[::-1]
    tensors = model.subgraphs[0].tensors
    if tensors[stored].type == _INT8 and tensors[real].type == _FLOAT32:
        stand_for[real] = stored


def _side(model: Any, stand_for: dict[int, int], index: int) -> _Side | None:
    """Return what a float tensor stands for; None for one of many constants, or of none."""
    if (stored := stand_for.get(index)) is not None:
        return _Side(stored, float(model.subgraphs[0].tensors[stored].quantization.scale[0]))
    value = tflite.constant(model, index)
    if value is None or value.dtype != np.float32 or value.size != 1:
        return None
    number = float(value.ravel()[0])
    return _Side(index, abs(number) / _LARGEST, number) if math.isfinite(number) else None


def _aligned(model: Any, sides: Sequence[_Side | None], made: list[Any]) -> list[int]:
    """Return the int8 tensors to compare; none where a side is unknown, or both are constant.

    Operators that they need are added to ``made``.
    """
    known = [side for side in sides if side is not None]
    tensors = [side for side in known if side.number is None]
    if len(known) < len(sides) or not tensors:
        return []
    widest = max(side.scale for side in known)
    plain = widest < 1 and min(side.scale for side in tensors) >= _FINE
    factor = 1.0 if plain else 2.0 ** -math.frexp(widest)[1]  # brings the widest into [0.5, 1)
    return [
        _constant(model, side.index, side.number * factor)
        if side.number is not None
        else _multiplied(model, side, factor, made)
        for side in known
    ]


def _multiplied(model: Any, side: _Side, factor: float, made: list[Any]) -> int:
    """Return a tensor that holds the same integers at another scale: 127 q / 127 = q."""
    if factor == 1:
        return side.index
    from ai_edge_litert import schema_py_generated as schema

    old = model.subgraphs[0].tensors[side.index]
    point = int(old.quantization.zeroPoint[0])
    by = _constant(model, side.index, factor, shape=[])
    name = f"{old.name.decode()};multiplied"
    result = _tensor(model, name, _shape(old), side.scale * factor, point=point)
    made.append(
        tflite_edit.operator(model, "MUL", [side.index, by], [result], schema.MulOptionsT())
    )
    return result


def _constant(model: Any, like: int, value: float, *, shape: Sequence[int] | None = None) -> int:
    """Add an int8 constant that is exactly a number, named after a tensor and of its shape."""
    old = model.subgraphs[0].tensors[like]
    shape = _shape(old) if shape is None else shape
    stored = np.full(shape, int(np.sign(value)) * _LARGEST, np.int8)
    scale = max(abs(value) / _LARGEST, _LEAST_SCALE) if value else 0.5
    return _tensor(model, f"{old.name.decode()};int8", shape, scale, value=stored)


def _tensor(
    model: Any, name: str, shape: Sequence[int], scale: float, *, point: int = 0,
    value: NDArray[np.int8] | None = None,
) -> int:  # fmt: skip
    from ai_edge_litert import schema_py_generated as schema

    made = tflite_edit.tensor(model, name, shape, "int8", value=value)
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.array([scale], np.float32)
    quantization.zeroPoint = np.array([point], np.int64)
    model.subgraphs[0].tensors[made].quantization = quantization
    return made


def _shape(tensor: Any) -> list[int]:
    return [] if tensor.shape is None else [int(size) for size in tensor.shape]
