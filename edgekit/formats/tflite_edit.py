"""Adds operators, tensors and constants to a TFLite model in memory."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float32": 0, "int32": 2, "int64": 4, "int8": 9}


def blank() -> Any:
    """Return a model with one graph and nothing in it; its first buffer is empty, as it must be."""
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.operatorCodes, model.buffers = 3, [], [schema.BufferT()]
    graph.tensors, graph.operators = [], []
    model.subgraphs = [graph]
    return model


def kind(model: Any, operator: Any) -> str:
    """Return the schema's name of a builtin operator, such as ``CONV_2D``."""
    code = model.operatorCodes[operator.opcodeIndex]
    return _names().get(max(code.builtinCode, code.deprecatedBuiltinCode), "?")


def operator(
    model: Any, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
) -> Any:
    """Return a new builtin operator, which is in no graph yet.

    ``options`` is an object of the schema, such as ``MulOptionsT()``.
    """
    from ai_edge_litert import schema_py_generated as schema

    made = schema.OperatorT()
    made.opcodeIndex = _code(model, name)
    made.inputs = np.array(inputs, np.int32)
    made.outputs = np.array(outputs, np.int32)
    if options is not None:
        union = type(options).__name__.removesuffix("T")
        made.builtinOptionsType = getattr(schema.BuiltinOptions, union)
        made.builtinOptions = options
    return made


def tensor(
    model: Any, name: str, shape: Sequence[int], dtype: str, *, value: NDArray[Any] | None = None,
    scales: Sequence[float] = (),
) -> int:  # fmt: skip
    """Add a tensor to the main graph, a constant where it has a value; return its index.

    ``scales`` are one for all, or one for each output channel of a constant; zero points are 0.
    """
    from ai_edge_litert import schema_py_generated as schema

    made = schema.TensorT()
    made.name, made.shape, made.type = name.encode(), np.array(shape, np.int32), _TYPES[dtype]
    made.hasRank = True
    buffer = schema.BufferT()
    if value is not None:
        buffer.data = np.frombuffer(np.ascontiguousarray(value, dtype).tobytes(), np.uint8)
    if scales:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = np.array(scales, np.float32)
        made.quantization.zeroPoint = np.zeros(len(scales), np.int64)
    model.buffers.append(buffer)
    made.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(made)
    return len(model.subgraphs[0].tensors) - 1


def own_buffer(model: Any, index: int) -> None:
    """Give a constant a buffer that no other tensor has: converters let equal ones share."""
    held = model.subgraphs[0].tensors[index]
    sharing = [t for graph in model.subgraphs for t in graph.tensors if t.buffer == held.buffer]
    if len(sharing) == 1:
        return
    model.buffers.append(copy.copy(model.buffers[held.buffer]))
    held.buffer = len(model.buffers) - 1


def looked_up(model: Any, source: int, table: int, result: int) -> list[Any]:
    """Return operators that take an int8 tensor's numbers, -128 first, from a table of 256."""
    from ai_edge_litert import schema_py_generated as schema

    tensors = model.subgraphs[0].tensors
    name, shape = tensors[result].name.decode(), [int(size) for size in tensors[source].shape]
    shift = tensor(model, f"{name};shift", [], "int32", value=np.array(128, np.int32))
    wide = tensor(model, f"{name};wide", shape, "int32")
    index = tensor(model, f"{name};index", shape, "int32")
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = _TYPES["int8"], _TYPES["int32"]
    return [
        operator(model, "CAST", [source], [wide], cast),
        operator(model, "ADD", [wide, shift], [index], schema.AddOptionsT()),
        operator(model, "GATHER", [table, index], [result], schema.GatherOptionsT()),
    ]


def drop_dead(model: Any) -> None:
    """Drop operators of the main graph whose results nobody reads: quantizers leave some behind.

    Operators without results stay, since they may act on state.
    """
    graph = model.subgraphs[0]
    while True:
        read = {int(index) for op in graph.operators for index in op.inputs}
        read.update(int(index) for index in graph.outputs)
        alive = [
            op for op in graph.operators if not len(op.outputs) or read.intersection(op.outputs)
        ]
        if len(alive) == len(graph.operators):
            break
        graph.operators = alive
    drop_unused_codes(model)


def drop_unused_codes(model: Any) -> None:
    """Forget kinds of operators that no graph has any more: runtimes want to know all listed."""
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used = sorted({int(operator.opcodeIndex) for operator in operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for operator in operators:
        operator.opcodeIndex = used.index(int(operator.opcodeIndex))


def _code(model: Any, name: str) -> int:
    from ai_edge_litert import schema_py_generated as schema

    wanted = int(getattr(schema.BuiltinOperator, name))
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == wanted:
            return index
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode, made.version = wanted, min(wanted, 127), 1
    model.operatorCodes.append(made)
    return len(model.operatorCodes) - 1


@cache
def _names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
