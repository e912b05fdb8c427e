"""Writes functions of one number as tables of 256 int8 values: exact, for any function.

The TFLite converter's quantizer has no integer form of many functions, and leaves them and their
neighbours in float. It only looks at kinds and ranges, never at values. So each such operator is
replaced by one that it knows for the time of quantizing, and that by a table afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite, tflite_edit
from edgekit.quantizers.choices import read_integers
from edgekit.quantizers.indices import integer_tables

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_INT8 = 9
_STAND_IN = "GELU"


def _elu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values > 0, values, np.expm1(values))


_PLAIN: Mapping[str, Function] = {
    "ABS": np.abs, "CEIL": np.ceil, "COS": np.cos, "ELU": _elu, "EXP": np.exp, "FLOOR": np.floor,
    "LOG": np.log, "ROUND": np.rint, "SIGN": np.sign, "SIN": np.sin, "SQRT": np.sqrt,
}  # fmt: skip
_WITH_CONSTANT: Mapping[str, Callable[[Any, Any], Any]] = {
    "DIV": np.divide, "FLOOR_DIV": np.floor_divide, "FLOOR_MOD": np.mod, "POW": np.power,
}  # fmt: skip


def hide(model: Any) -> dict[str, Function]:
    """Put stand-ins in the place of functions, in a float model; return them by output name."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    hidden: dict[str, Function] = {}
    for place, operator in enumerate(graph.operators):
        found = _function(model, operator)
        output = graph.tensors[operator.outputs[0]]
        if found is None or output.type != 0 or output.quantization is None:
            continue
        source, function = found
        hidden[output.name.decode()] = function
        graph.operators[place] = tflite_edit.operator(
            model, _STAND_IN, [source], list(operator.outputs), schema.GeluOptionsT()
        )
    return hidden


def reveal(model: Any, hidden: Mapping[str, Function]) -> None:
    """Put tables in the place of a quantized model's stand-ins, and drop what is dead in it."""
    graph = model.subgraphs[0]
    made: list[Any] = []
    for operator in graph.operators:
        name = graph.tensors[operator.outputs[0]].name.decode()
        is_int8 = graph.tensors[operator.inputs[0]].type == _INT8 if len(operator.inputs) else False
        if name in hidden and tflite_edit.kind(model, operator) == _STAND_IN and is_int8:
            made += _table(model, operator, hidden[name])
        else:
            made.append(operator)
    graph.operators = made
    read_integers(model)
    integer_tables(model)
    tflite_edit.drop_dead(model)


def table(
    function: Function, source: tuple[float, int], result: tuple[float, int]
) -> NDArray[np.int8]:
    """Return the function of every int8 number, -128 first, rounded and clipped to int8.

    Args:
        function: Of real numbers; where it is not finite, the nearest end of the range stands.
        source: Scale and zero point of what it is given: real = scale * (stored - zero_point).
        result: Scale and zero point of what it gives.
    """
    real = (np.arange(-128, 128, dtype=np.float64) - source[1]) * source[0]
    with np.errstate(all="ignore"):
        value = np.nan_to_num(function(real) / result[0], nan=0.0, posinf=1e9, neginf=-1e9)
    return np.asarray(np.clip(np.rint(value) + result[1], -128, 127), np.int8)


def _function(model: Any, operator: Any) -> tuple[int, Function] | None:
    """Return the variable input of an operator and what it does to it."""
    kind = tflite_edit.kind(model, operator)
    if kind in _PLAIN:
        return int(operator.inputs[0]), _PLAIN[kind]
    if kind not in _WITH_CONSTANT:
        return None
    two = _WITH_CONSTANT[kind]
    for place in (0, 1):
        value = tflite.constant(model, operator.inputs[place])
        if value is not None and value.size == 1 and value.dtype == np.float32:
            constant, source = float(value.ravel()[0]), int(operator.inputs[1 - place])
            return source, partial(_of_one, two, constant, place)
    return None


def _of_one(
    two: Callable[[Any, Any], Any], constant: float, place: int, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(two(constant, values) if place == 0 else two(values, constant))


def _table(model: Any, operator: Any, function: Function) -> list[Any]:
    graph = model.subgraphs[0]
    (source,), (result,) = operator.inputs, operator.outputs
    name = graph.tensors[result].name.decode()
    values = table(function, _scale(graph.tensors[source]), _scale(graph.tensors[result]))
    held = tflite_edit.tensor(model, f"{name};table", [256], "int8", value=values)
    graph.tensors[held].quantization = graph.tensors[result].quantization
    return tflite_edit.looked_up(model, source, held, int(result))


def _scale(tensor: Any) -> tuple[float, int]:
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
