"""Corrects the biases of a float TFLite model for the rounding that its weights will suffer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite, tflite_edit
from edgekit.quantizers.rounding import Correction, bias_shift, on_grid

_PADDING = {0: "SAME", 1: "VALID"}
_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
_OPERATORS = {3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 9: "FULLY_CONNECTED"}


Grid = Callable[[NDArray[np.float32], int], NDArray[np.float32]]


def correct(
    model: Any, means: Mapping[str, NDArray[np.float32]], *, grid: Grid = on_grid
) -> list[Correction]:
    """Shift the bias of every convolution and dense layer, in place.

    ``means`` holds the mean activation by tensor name. Weights are left alone: the quantizer will
    round them as ``grid`` does, a function of the weights and the axis of their output channels.
    """
    graph = model.subgraphs[0]
    done = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = _OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        if kind is not None:
            done.append(_correct_one(model, operator, kind, means, grid))
    return done


def _correct_one(
    model: Any, operator: Any, kind: str, means: Mapping[str, NDArray[np.float32]], grid: Grid
) -> Correction:
    graph = model.subgraphs[0]
    layer = graph.tensors[operator.outputs[0]].name.decode()
    weights = tflite.constant(model, operator.inputs[1])
    mean = means.get(graph.tensors[operator.inputs[0]].name.decode())
    if weights is None or weights.dtype != np.float32:
        return Correction(layer, 0.0, "its weights are not a float constant")
    if mean is None:
        return Correction(layer, 0.0, "the mean of its input is not known")
    bias = tflite.constant(model, operator.inputs[2]) if _has_bias(operator) else None
    if bias is None:
        return Correction(layer, 0.0, "it has no constant bias")
    shape = [int(size) for size in graph.tensors[operator.inputs[0]].shape]
    lost = weights - grid(weights, _CHANNEL_AXIS[kind])
    shift = bias_shift(_apply(operator, kind, mean.reshape(shape), lost))
    _own_bias(model, operator, bias + shift)
    return Correction(layer, float(np.abs(shift).max()))


def bake(model: Any, grid: Grid) -> None:
    """Put the weights of every convolution and dense layer onto a grid, in place."""
    graph, seen = model.subgraphs[0], set()
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = _OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        if kind is None or operator.inputs[1] in seen:
            continue
        weights = tflite.constant(model, operator.inputs[1])
        if weights is not None and weights.dtype == np.float32:
            tflite.set_constant(model, operator.inputs[1], grid(weights, _CHANNEL_AXIS[kind]))
            seen.add(operator.inputs[1])


def _has_bias(operator: Any) -> bool:
    return len(operator.inputs) > 2 and operator.inputs[2] >= 0


def _apply(
    operator: Any, kind: str, inputs: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[Any]:
    """Run the linear part of a TFLite operator."""
    import tensorflow as tf

    if kind == "FULLY_CONNECTED":
        return inputs.reshape(-1, weights.shape[1]) @ weights.T
    options = operator.builtinOptions
    strides = [1, options.strideH, options.strideW, 1]
    dilations = [options.dilationHFactor, options.dilationWFactor]
    padding = _PADDING[options.padding]
    if kind == "CONV_2D":
        kernel = weights.transpose(1, 2, 3, 0)
        result = tf.nn.conv2d(inputs, kernel, strides, padding, dilations=dilations)
    else:
        channels = inputs.shape[-1]
        height, width, total = weights.shape[1:]
        kernel = weights[0].reshape(height, width, channels, total // channels)
        result = tf.nn.depthwise_conv2d(inputs, kernel, strides, padding, dilations=dilations)
    return np.asarray(result)


def _own_bias(model: Any, operator: Any, value: NDArray[np.float32]) -> None:
    """Give an operator a bias of its own: converters let layers share equal constants."""
    graph = model.subgraphs[0]
    tensor, index = copy.deepcopy(graph.tensors[operator.inputs[2]]), len(graph.tensors)
    tensor.name = f"{tensor.name.decode()};corrected{index}".encode()
    graph.tensors.append(tensor)
    tflite_edit.own_buffer(model, index)
    operator.inputs = np.array(operator.inputs)
    operator.inputs[2] = index
    tflite.set_constant(model, index, value)
