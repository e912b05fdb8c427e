"""Spreads a model out until each layer is one operation of an integer runtime.

A runtime rounds between a separable convolution's two halves, and before an activation that it
cannot fuse; so they become layers of their own. The function stays exactly the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from edgekit.passes.graph import Graph, Node, rebuilt

_LINEAR = (
    "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose",
    "Conv2DTranspose", "Conv3DTranspose", "Dense", "EinsumDense",
)  # fmt: skip
_SEPARABLE = {"SeparableConv1D": ("DepthwiseConv1D", "Conv1D"),
              "SeparableConv2D": ("DepthwiseConv2D", "Conv2D")}  # fmt: skip
_PARTS = ("_linear", "_depthwise")


def spread(model: Any) -> Any:
    """Return a flat functional model of the same function; what comes last keeps a layer's name."""
    graph = Graph(model)
    made: dict[int, Callable[..., Any]] = {}
    taken = {str(node.layer.name) for node in graph.nodes}
    for node in graph.nodes:
        if id(node.layer) not in made and (parts := _parts(node, taken)):
            made[id(node.layer)] = _chain(parts)
    changed = {node.number: made[id(node.layer)] for node in graph.nodes if id(node.layer) in made}
    return rebuilt(graph, changed) if changed else model


def origin_of(name: str, layers: Collection[str]) -> str:
    """Return the layer that a layer of a spread model is a part of; other names as they are.

    Args:
        name: Of a layer of the spread model.
        layers: Names of all layers before.
    """
    if name in layers:
        return name
    for whole in (name, name.rstrip("_")):
        for part in _PARTS:
            if whole.endswith(part) and whole.removesuffix(part) in layers:
                return whole.removesuffix(part)
    return name


def norms_as_convolutions(model: Any) -> Any:
    """Return a flat model whose batch norms over channels of maps are 1x1 depthwise convolutions.

    One operation with a step per channel, where runtimes have a multiplication and an addition on
    one step for all channels. The function is the same; statistics do not move any more.
    """
    graph = Graph(model)
    made: dict[int, Callable[..., Any]] = {}
    for node in graph.nodes:
        if node.kind == "BatchNormalization" and _is_over_channels(node):
            made.setdefault(id(node.layer), _chain([_convolution(node)]))
    changed = {node.number: made[id(node.layer)] for node in graph.nodes if id(node.layer) in made}
    return rebuilt(graph, changed) if changed else model


def _is_over_channels(node: Node) -> bool:
    rank = len(node.output.shape)
    return rank in (3, 4) and node.layer.axis in (-1, rank - 1)


def _convolution(node: Node) -> Any:
    import keras

    norm, rank = node.layer, len(node.output.shape)
    kind = keras.layers.DepthwiseConv1D if rank == 3 else keras.layers.DepthwiseConv2D
    made = kind(1, name=norm.name, dtype=norm.dtype_policy)
    made.build(node.output.shape)
    read = keras.ops.convert_to_numpy
    mean, variance = read(norm.moving_mean.value), read(norm.moving_variance.value)
    factor = 1 / np.sqrt(variance + norm.epsilon)
    factor = factor * read(norm.gamma.value) if norm.scale else factor
    shift = read(norm.beta.value) if norm.center else np.zeros_like(mean)
    made.kernel.assign(factor.reshape(made.kernel.shape))
    made.bias.assign(shift - mean * factor)
    made.trainable = norm.trainable
    return made


def activation_of(layer: Any) -> str:
    """Return the name of a layer's own activation; ``linear`` where it has none."""
    import keras

    function = getattr(layer, "activation", None)
    if function is None or function is keras.activations.linear:
        return "linear"
    return str(getattr(function, "__name__", type(function).__name__))


def _parts(node: Node, taken: set[str]) -> list[Any]:
    if node.kind in _SEPARABLE and type(node.layer).__module__.startswith("keras."):
        return _separated(node.layer, node.kind, taken)
    if node.kind in _LINEAR and activation_of(node.layer) != "linear":
        return _linear_and_activation(node.layer, taken)
    return []


def _chain(parts: list[Any]) -> Callable[..., Any]:
    def run(x: Any, **_: Any) -> Any:  # masks and modes mean nothing to these layers
        for part in parts:
            x = part(x)
        return x

    return run


def _linear_and_activation(layer: Any, taken: set[str]) -> list[Any]:
    import keras

    config = layer.get_config()
    linear = _built(type(layer), {**config, "name": _free(f"{layer.name}_linear", taken),
                                  "activation": "linear"}, layer)  # fmt: skip
    for new, old in zip(linear.variables, layer.variables, strict=True):
        new.assign(old.value)
    return [linear, keras.layers.Activation(layer.activation, name=layer.name)]


def _separated(layer: Any, kind: str, taken: set[str]) -> list[Any]:
    import keras

    first, second = (getattr(keras.layers, name) for name in _SEPARABLE[kind])
    common = {"data_format": layer.data_format, "dtype": layer.dtype_policy}
    active = activation_of(layer) != "linear"
    depthwise = first(
        layer.kernel_size, strides=layer.strides, padding=layer.padding,
        dilation_rate=layer.dilation_rate, depth_multiplier=layer.depth_multiplier,
        use_bias=False, name=_free(f"{layer.name}_depthwise", taken), **common,
    )  # fmt: skip
    name = _free(f"{layer.name}_linear", taken) if active else layer.name
    pointwise = second(layer.filters, 1, use_bias=layer.use_bias, name=name, **common)
    depthwise.build(layer._build_shapes_dict["input_shape"])
    pointwise.build(depthwise.compute_output_shape(layer._build_shapes_dict["input_shape"]))
    depthwise.kernel.assign(layer.depthwise_kernel.value)
    pointwise.kernel.assign(layer.pointwise_kernel.value)
    if layer.use_bias:
        pointwise.bias.assign(layer.bias.value)
    last = [keras.layers.Activation(layer.activation, name=layer.name)] if active else []
    return [depthwise, pointwise, *last]


def _built(kind: Any, config: dict[str, Any], like: Any) -> Any:
    made = kind.from_config(config)
    made.build_from_config(like.get_build_config())
    made.trainable = like.trainable
    return made


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
