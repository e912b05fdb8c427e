"""What layers compute, as far as the rounding of integer runtimes goes by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.passes.graph import Node
from edgekit.passes.simulate.grid import Range
from edgekit.passes.simulate.spread import activation_of

# Input and output have one scale. Those of the second kind average, and so round again.
MOVES = frozenset({
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "Flatten", "Reshape", "Permute",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D",
    "Cropping3D", "UpSampling1D", "UpSampling3D", "RepeatVector", "Dropout",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Identity", "Transpose",
    "Squeeze", "ExpandDims", "GetItem", "Split", "Pad",
})  # fmt: skip
AVERAGES = frozenset({
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "UpSampling2D",
})  # fmt: skip
JOINS = frozenset(["Concatenate"])
# A rectifier right behind them is part of them.
FUSING = frozenset({
    "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Dense", "Add",
    "Subtract", "Multiply", "BatchNormalization",
})  # fmt: skip
RECTIFIERS = ("relu", "relu6")
FIXED: Mapping[str, Range] = {
    "softmax": (0.0, 255 / 256), "sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128),
}  # fmt: skip
FIXED_INT16: Mapping[str, Range] = dict.fromkeys(FIXED, (-32767 / 32768, 32767 / 32768))
NAMED = {"ReLU": "relu", "Softmax": "softmax", "Relu": "relu", "Relu6": "relu6",
          "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "HardSilu": "hard_silu",
          "HardSigmoid": "hard_sigmoid", "ELU": "elu", "Elu": "elu", "Selu": "selu",
          "LeakyReLU": "leaky_relu", "LeakyRelu": "leaky_relu", "PReLU": "prelu",
          "Softplus": "softplus", "Softsign": "softsign"}  # fmt: skip
# The axes of a kernel that one step covers.
KERNELS: Mapping[str, tuple[int, ...]] = {
    "Dense": (0,), "Conv1D": (0, 1), "Conv2D": (0, 1, 2), "Conv3D": (0, 1, 2, 3),
    "DepthwiseConv1D": (0,), "DepthwiseConv2D": (0, 1), "Conv1DTranspose": (0, 2),
    "Conv2DTranspose": (0, 1, 3), "Conv3DTranspose": (0, 1, 2, 4),
}  # fmt: skip


def is_keras(layer: Any) -> bool:
    """Whether a layer is Keras' own, and computes what its class says."""
    return type(layer).__module__.startswith("keras.") and not getattr(layer, "lora_enabled", False)


def function_of(node: Node) -> str:
    """Return the function that an activation layer computes; empty for other layers."""
    if node.kind == "Activation":
        return activation_of(node.layer)
    if node.kind == "ReLU" and is_keras(node.layer):
        layer = node.layer
        plain = not layer.negative_slope and not layer.threshold
        if not plain or layer.max_value not in (None, 6.0):
            return "other"
        return "relu" if layer.max_value is None else "relu6"
    return NAMED.get(node.kind, "")


def fixed_function(node: Node, ranges: Mapping[str, Range]) -> str:
    """Return the function of a layer if its range is known beforehand; empty for other layers."""
    function = function_of(node)
    return function if function in ranges else ""
