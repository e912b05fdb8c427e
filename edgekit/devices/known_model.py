"""A tiny int8 file that is made here, and whose outputs follow from arithmetic alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.extras import load
from edgekit.formats import tflite, tflite_edit

SIDE = 4
CHANNELS = 16
MACS = SIDE * SIDE * CHANNELS * CHANNELS
_SCALE = 0.5
_OUT = _SCALE * CHANNELS
_VERSION = 3  # of CONV_2D, from which on it takes int8


def content(*, real_ports: bool = False) -> bytes:
    """Return a TFLite file: a 1x1 convolution that sums all channels, and adds to each its number.

    All weights are 1, and the step of the output is as much larger than that of the input as there
    are channels: where all channels hold the same stored integer, the sum is that integer again.

    Args:
        real_ports: Whether input and output are float32; they are int8 otherwise.
    """
    schema = load("ai_edge_litert.schema_py_generated")

    model = tflite_edit.blank()
    graph, picture = model.subgraphs[0], (1, SIDE, SIDE, CHANNELS)
    weights, biases = np.ones((CHANNELS, 1, 1, CHANNELS), np.int8), _biases()
    read = [
        tflite_edit.tensor(model, "input", picture, "int8", scales=[_SCALE]),
        tflite_edit.tensor(
            model, "weights", weights.shape, "int8", value=weights, scales=[1.0] * CHANNELS
        ),
        tflite_edit.tensor(
            model, "bias", biases.shape, "int32", value=biases, scales=[_SCALE] * CHANNELS
        ),
    ]
    made = tflite_edit.tensor(model, "output", picture, "int8", scales=[_OUT])
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    options.dilationWFactor = options.dilationHFactor = 1
    graph.operators = [tflite_edit.operator(model, "CONV_2D", read, [made], options)]
    model.operatorCodes[0].version = _VERSION
    model.description, graph.name = "edgekit", "main"
    graph.inputs, graph.outputs = [read[0]], [made]
    if real_ports:
        _give_real_ports(model, picture)
    tflite.sign(model, ["input"], ["output"])
    return tflite.pack(model)


def _give_real_ports(model: Any, picture: tuple[int, ...]) -> None:
    """Put a step from float32 before the input, and one to it behind the output."""
    graph = model.subgraphs[0]
    stored, made = graph.inputs[0], graph.outputs[0]
    given = tflite_edit.tensor(model, "real_input", picture, "float32")
    real = tflite_edit.tensor(model, "real_output", picture, "float32")
    before = tflite_edit.operator(model, "QUANTIZE", [given], [stored])
    behind = tflite_edit.operator(model, "DEQUANTIZE", [made], [real])
    model.operatorCodes[-1].version = 2  # from which on it takes int8
    graph.operators = [before, *graph.operators, behind]
    graph.inputs, graph.outputs = [given], [real]


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
