"""Keras layers that are linear but for an activation at their end, seen as kernels and a bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.graph import Graph, rebuilt
from edgekit.passes.linear.layout import Layout, depthwise

_CONVOLUTIONS = frozenset({"Conv1D", "Conv2D", "Conv3D"})
_TRANSPOSED = frozenset({"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"})
_DEPTHWISE = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
_SEPARABLE = frozenset({"SeparableConv1D", "SeparableConv2D"})
_KINDS = _CONVOLUTIONS | _TRANSPOSED | _DEPTHWISE | _SEPARABLE | {"Dense"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """One kernel of a layer: its Keras variable, and how that lies in memory."""

    variable: Any
    layout: Layout

    def read(self) -> NDArray[Any]:
        """Return the weights in canonical form."""
        import keras

        return self.layout.pack(keras.ops.convert_to_numpy(self.variable.value))

    def write(self, matrices: NDArray[Any]) -> None:
        """Take weights in canonical form."""
        self.variable.assign(self.layout.unpack(matrices))


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """A layer: ``kernels`` in the order of their use (two for a separable convolution)."""

    layer: Any
    kernels: tuple[Kernel, ...]

    @property
    def channels(self) -> int:
        """Output channels."""
        last = self.kernels[-1].layout
        return last.groups * last.outputs

    @property
    def inputs(self) -> int:
        """Input channels."""
        first = self.kernels[0].layout
        return first.groups * first.inputs

    @property
    def bias(self) -> NDArray[np.float64]:
        """The bias; zeros where the layer has none."""
        import keras

        if self.layer.bias is None:
            return np.zeros(self.channels)
        return np.asarray(keras.ops.convert_to_numpy(self.layer.bias.value), np.float64)

    @property
    def is_linear(self) -> bool:
        """Whether the layer has no activation of its own."""
        import keras

        return self.layer.activation in (None, keras.activations.linear)

    @property
    def pads(self) -> bool:
        """Whether some output depends on fewer inputs than others: at edges, or between strides."""
        if type(self.layer).__name__ in _TRANSPOSED:
            return True
        first = self.kernels[0].layout
        return bool(first.taps > 1 and self.layer.padding != "valid")

    def axis(self, rank: int) -> int:
        """Return the channel axis of a tensor of this rank that the layer reads or makes."""
        return 1 if getattr(self.layer, "data_format", "") == "channels_first" else rank - 1


def linear(layer: Any) -> Linear | None:
    """Return the view of a layer; None for other layers, subclasses, and changed arithmetic."""
    kind = type(layer)
    if kind.__name__ not in _KINDS or not kind.__module__.startswith("keras.") or not layer.built:
        return None
    if getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None):
        return None
    return Linear(layer=layer, kernels=_kernels(layer, kind.__name__))


def _kernels(layer: Any, kind: str) -> tuple[Kernel, ...]:
    if kind in _SEPARABLE:
        first, second = layer.depthwise_kernel, layer.pointwise_kernel
        pointwise = Layout(form="convolution", shape=tuple(second.shape))
        return (
            Kernel(variable=first, layout=depthwise(tuple(first.shape))),
            Kernel(variable=second, layout=pointwise),
        )
    shape = tuple(layer.kernel.shape)
    if kind in _DEPTHWISE:
        layout = depthwise(shape)
    elif kind in _TRANSPOSED:
        layout = Layout(form="transposed", shape=shape)
    elif kind == "Dense":
        layout = Layout(form="dense", shape=shape)
    else:
        layout = Layout(form="convolution", shape=shape, groups=layer.groups)
    return (Kernel(variable=layer.kernel, layout=layout),)


def with_biases(model: Any, names: Sequence[str]) -> Any:
    """Return a model in which the layers of these names have a bias, 0 where they had none."""
    graph = Graph(model)
    made: dict[int, Any] = {}
    for node in graph.nodes:
        layer = node.layer
        if layer.name in names and layer.bias is None and id(layer) not in made:
            made[id(layer)] = _biased(layer)
    if not made:
        return model
    calls = {n.number: made[id(n.layer)] for n in graph.nodes if id(n.layer) in made}
    return rebuilt(graph, calls)


def _biased(layer: Any) -> Any:
    copy = type(layer).from_config({**layer.get_config(), "use_bias": True})
    copy.build_from_config(layer.get_build_config())
    copy.trainable = layer.trainable
    for new, old in zip(linear_kernels(copy), linear_kernels(layer), strict=True):
        new.assign(old.value)
    copy.bias.assign(np.zeros(copy.bias.shape, "float32"))
    return copy


def linear_kernels(layer: Any) -> list[Any]:
    """Return the kernel variables of a linear layer."""
    found = linear(layer)
    return [kernel.variable for kernel in found.kernels] if found else []
