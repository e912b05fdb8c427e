"""A tiny int8 file that is made here, and whose outputs follow from arithmetic alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite

SIDE = 4
CHANNELS = 16
MACS = SIDE * SIDE * CHANNELS * CHANNELS
_SCALE = 0.5
_OUT = _SCALE * CHANNELS


def content() -> bytes:
    """Return a TFLite file: a 1x1 convolution that sums all channels, and adds to each its number.

    All weights are 1, and the step of the output is as much larger than that of the input as there
    are channels: where all channels hold the same stored integer, the sum is that integer again.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.description = 3, "edgekit"
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3
    model.operatorCodes = [code]
    weights = np.ones((CHANNELS, 1, 1, CHANNELS), np.int8)
    model.buffers = [_buffer(schema, b""), _buffer(schema, weights), _buffer(schema, _biases())]
    graph = schema.SubGraphT()
    picture = (1, SIDE, SIDE, CHANNELS)
    int8, int32 = schema.TensorType.INT8, schema.TensorType.INT32
    graph.tensors = [
        _tensor(schema, "input", int8, shape=picture, scales=[_SCALE]),
        _tensor(schema, "weights", int8, shape=weights.shape, scales=[1.0] * CHANNELS, buffer=1),
        _tensor(schema, "bias", int32, shape=(CHANNELS,), scales=[_SCALE] * CHANNELS, buffer=2),
        _tensor(schema, "output", int8, shape=picture, scales=[_OUT]),
    ]
    graph.inputs, graph.outputs, graph.name = [0], [3], "main"
    graph.operators = [_convolution(schema)]
    model.subgraphs = [graph]
    tflite.sign(model, ["input"], ["output"])
    return tflite.pack(model)


def samples() -> NDArray[np.float32]:
    """Return inputs, real values, one row a sample: every stored integer is among them."""
    return np.asarray(_SCALE * np.repeat(_stored(), CHANNELS, axis=-1), np.float32)


def expected() -> NDArray[np.float32]:
    """Return what ``samples`` give: the stored integer plus the channel's number, at most 127."""
    return np.asarray(_OUT * np.minimum(_stored() + np.arange(CHANNELS), 127), np.float32)


def _stored() -> NDArray[np.int64]:
    return np.arange(-128, 128, dtype=np.int64).reshape(-1, SIDE, SIDE, 1)


def _biases() -> NDArray[np.int32]:
    return CHANNELS * np.arange(CHANNELS, dtype=np.int32)


def _buffer(schema: Any, data: Any) -> Any:
    buffer = schema.BufferT()
    held = bytes(data) if isinstance(data, bytes) else data.tobytes()
    buffer.data = np.frombuffer(held, np.uint8) if held else None
    return buffer


def _tensor(
    schema: Any, name: str, dtype: int, *, shape: Any, scales: list[float], buffer: int = 0
) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.buffer = name, dtype, list(shape), buffer
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.asarray(scales, np.float32)
    quantization.zeroPoint = np.zeros(len(scales), np.int64)
    tensor.quantization = quantization
    return tensor


def _convolution(schema: Any) -> Any:
    operator = schema.OperatorT()
    operator.inputs, operator.outputs, operator.opcodeIndex = [0, 1, 2], [3], 0
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    options.dilationWFactor = options.dilationHFactor = 1
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = options
    return operator
