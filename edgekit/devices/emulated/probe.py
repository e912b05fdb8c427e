"""A tiny model whose outputs are known: an int8 layer that turns its inputs round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats.tflite import pack, sign

WIDTH = 32
SCALE = 0.5
_FULLY_CONNECTED, _INT8, _INT32 = 9, 9, 2
_OPTIONS_OF_IT = 8


def make(path: Path) -> None:
    """Write the model: output k is input WIDTH - 1 - k, exactly, in steps of 0.5."""
    from ai_edge_litert import schema_py_generated as schema

    weights = (2 * np.eye(WIDTH, dtype=np.int8)[::-1]).astype(np.int8)
    arrays: list[NDArray[Any] | None] = [None, weights, np.zeros(WIDTH, np.int32)]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version = 3
    model.buffers = [_buffer(schema, array) for array in arrays]
    graph.tensors = [
        _tensor(schema, "in", (1, WIDTH), _INT8, SCALE, 0),
        _tensor(schema, "weights", (WIDTH, WIDTH), _INT8, SCALE, 1),
        _tensor(schema, "bias", (WIDTH,), _INT32, SCALE * SCALE, 2),
        _tensor(schema, "out", (1, WIDTH), _INT8, SCALE, 0),
    ]
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = _FULLY_CONNECTED
    code.version = 4
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType = _OPTIONS_OF_IT
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.inputs, graph.outputs, graph.operators = [0], [3], [operator]
    model.subgraphs, model.operatorCodes = [graph], [code]
    sign(model, ["in"], ["out"])
    path.write_bytes(pack(model))


def _buffer(schema: Any, array: NDArray[Any] | None) -> Any:
    made = schema.BufferT()
    if array is not None:
        made.data = np.frombuffer(array.tobytes(), np.uint8)
    return made


def _tensor(
    schema: Any, name: str, shape: tuple[int, ...], kind: int, scale: float, buffer: int
) -> Any:
    made, quantization = schema.TensorT(), schema.QuantizationParametersT()
    quantization.scale = np.array([scale], np.float32)
    quantization.zeroPoint = np.array([0], np.int64)
    made.name, made.shape, made.type, made.buffer = name, list(shape), kind, buffer
    made.quantization = quantization
    return made
