"""Keeps whole numbers whole where a TFLite file takes indices from floats.

A class, a column of a table or a word's number may come as a float and be cast inside the model. An
int8 tensor holds such numbers exactly where its step is 1, 1/2, 1/3, ... and nowhere else: between
two steps, the cast cuts 6.98 down to 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite, tflite_edit

_FLOAT32, _INT32, _INT64, _INT8 = 0, 2, 4, 9
_LEVELS = 255
# They pass numbers on as they are; the integer kernels give their results the step of their input.
_MOVING = {
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE", "TRANSPOSE", "GATHER", "PACK",
    "UNPACK", "SPLIT", "SPLIT_V", "CONCATENATION", "GATHER_ND", "REVERSE_V2", "TILE",
    "BROADCAST_TO",
}  # fmt: skip
# Far above what float32 loses, far below any step that tells two integers apart.
_SLACK = 1e-4
Ranges = Mapping[str, tuple[float, float]]


def whole_steps(model: Any, ranges: Ranges, seen: Ranges) -> dict[str, tuple[float, float]]:
    """Return the ranges with those of tensors that are cast to integers changed.

    Each covers all that was seen, and its step is one of 1, 1/2, 1/3, ...; one that spans more than
    255 is left alone, since no int8 tensor can hold it.

    Args:
        model: A float TFLite model.
        ranges: By tensor name.
        seen: From the least to the largest value, by tensor name: estimators clip, indices do not.
    """
    graph, found = model.subgraphs[0], dict(ranges)
    for index in _cast_tensors(model):
        name = graph.tensors[index].name.decode()
        if name in ranges:
            low, high = _union(ranges[name], seen.get(name, (0.0, 0.0)))
            found[name] = whole_step(low, high)
    return found


def whole_step(low: float, high: float) -> tuple[float, float]:
    """Return the least range of 255 steps of 1/k, k whole, that starts on a step and holds all.

    The step is larger than 1/k by a millionth of it, so that what float32 loses never
    brings a whole number below itself. A range of more than 255 comes back as it is.
    """
    for parts in range(int(_LEVELS / max(high - low, 1.0)), 0, -1):
        step = (1 + 1e-6) / parts
        start = np.floor(low / step + _SLACK) * step
        if start + _LEVELS * step >= high - _SLACK:
            return float(start), float(start + _LEVELS * step)
    return low, high


def _union(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _cast_tensors(model: Any) -> set[int]:
    """Return the float tensors that become integers without arithmetic in between."""
    graph = model.subgraphs[0]
    found: set[int] = set()
    for operator in reversed(graph.operators):
        outputs = {int(index) for index in operator.outputs}
        moves = tflite_edit.kind(model, operator) in _MOVING and outputs & found
        if moves or _casts(model, operator):
            found.update(i for i in map(int, operator.inputs) if _is_real(model, i))
    return found


def _casts(model: Any, operator: Any) -> bool:
    tensors = model.subgraphs[0].tensors
    return (
        tflite_edit.kind(model, operator) == "CAST"
        and tensors[operator.inputs[0]].type == _FLOAT32
        and tensors[operator.outputs[0]].type != _FLOAT32
    )


def _is_real(model: Any, index: int) -> bool:
    tensor = model.subgraphs[0].tensors[index]
    return bool(tensor.type == _FLOAT32 and model.buffers[tensor.buffer].data is None)


def integer_tables(model: Any) -> None:
    """Let what turns floats into integers read int8, of a quantized file, in place.

    A cast and a search among boundaries are functions of one number: written down for each int8
    value, they need no float. One-hot vectors are written as int8 in the step of their reader.
    """
    graph = model.subgraphs[0]
    stored = {
        int(op.outputs[0]): int(op.inputs[0])
        for op in graph.operators
        if tflite_edit.kind(model, op) == "DEQUANTIZE" and graph.tensors[op.inputs[0]].type == _INT8
    }
    made: list[Any] = []
    for operator in graph.operators:
        kind = tflite_edit.kind(model, operator)
        source = stored.get(int(operator.inputs[0])) if len(operator.inputs) else None
        if (
            kind in ("CAST", "BUCKETIZE")
            and source is not None
            and _gives_integers(graph, operator)
        ):
            made += _table(model, operator, source, kind)
        else:
            made.append(operator)
    graph.operators = made
    for operator in list(graph.operators):
        if tflite_edit.kind(model, operator) == "ONE_HOT":
            _as_int8(model, operator)


def _gives_integers(graph: Any, operator: Any) -> bool:
    return graph.tensors[operator.outputs[0]].type in (_INT32, _INT64)


def _table(model: Any, operator: Any, source: int, kind: str) -> list[Any]:
    held = model.subgraphs[0].tensors[source].quantization
    steps = np.arange(-128, 128, dtype=np.float64) - int(held.zeroPoint[0])
    real = steps * float(held.scale[0])
    if kind == "CAST":
        values = np.trunc(real + np.sign(real) * _SLACK)
    else:
        boundaries = np.asarray(operator.builtinOptions.boundaries, np.float64)
        values = np.searchsorted(boundaries, real, side="right")
    result = int(operator.outputs[0])
    name = f"{model.subgraphs[0].tensors[result].name.decode()};table"
    dtype = "int64" if model.subgraphs[0].tensors[result].type == _INT64 else "int32"
    table = tflite_edit.tensor(model, name, [256], dtype, value=values)
    return tflite_edit.looked_up(model, source, table, result)


def _as_int8(model: Any, operator: Any) -> None:
    """Write the two values of one-hot vectors in the step of the result, or of its one reader.

    The kernel copies them as they are stored. The converter's quantizer gives each a step of its
    own, and leaves vectors that are made of integers in float.
    """
    graph, output = model.subgraphs[0], int(operator.outputs[0])
    tensor, like = graph.tensors[output], _quantized_like(model, output)
    values = [_real(model, int(index)) for index in operator.inputs[2:4]]
    if like is None or any(value is None for value in values):
        return
    scale, point = float(like.scale[0]), int(like.zeroPoint[0])
    inputs = np.array(operator.inputs, np.int32)
    for place, value in zip((2, 3), values, strict=True):
        number = np.clip(np.rint(np.asarray(value) / scale) + point, -128, 127).astype(np.int8)
        inputs[place] = tflite_edit.tensor(
            model, f"{tensor.name.decode()};{place}", [], "int8", value=number.reshape(())
        )
        graph.tensors[inputs[place]].quantization = like
    operator.inputs, tensor.type, tensor.quantization = inputs, _INT8, like


def _quantized_like(model: Any, index: int) -> Any:
    """Return the step of an int8 tensor, or of the int8 ones that all read a float one."""
    graph = model.subgraphs[0]
    if graph.tensors[index].type == _INT8:
        return graph.tensors[index].quantization
    readers = [op for op in graph.operators if index in (int(i) for i in op.inputs)]
    results = [graph.tensors[op.outputs[0]] for op in readers]
    only = {tflite_edit.kind(model, op) for op in readers} == {"QUANTIZE"}
    is_end = index in (int(i) for i in graph.outputs) or graph.tensors[index].type != _FLOAT32
    all_int8 = all(result.type == _INT8 for result in results)
    return results[0].quantization if only and all_int8 and not is_end else None


def _real(model: Any, index: int) -> NDArray[np.float64] | None:
    """Return what a constant stands for, whether stored as float or as int8."""
    value = tflite.constant(model, index)
    if value is None or value.dtype not in (np.float32, np.int8) or value.size != 1:
        return None
    if value.dtype == np.float32:
        return value.astype(np.float64)
    held = model.subgraphs[0].tensors[index].quantization
    return (value.astype(np.float64) - int(held.zeroPoint[0])) * float(held.scale[0])
