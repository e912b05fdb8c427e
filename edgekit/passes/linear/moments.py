"""What batch norms say about activations: mean and variance of each channel, without any data.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
section 4.2.1 and appendix C: behind a batch norm a channel is taken to be normally distributed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.graph import Graph, Node
from edgekit.passes.linear.activation import function, own_function
from edgekit.passes.linear.batchnorm import batchnorm

Array = NDArray[Any]

_KEEPING = frozenset({
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization", "Identity", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D",
    "UpSampling3D",
})  # fmt: skip
_AVERAGING = frozenset({
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and standard deviation of each channel; no deviation where it is not known."""

    means: Array
    deviations: Array | None = None


def rectified(moments: Moments, most: float = math.inf) -> Array:
    """Return the mean of a normal variable after ``min(max(x, 0), most)``.

    Nagel et al. 2019, eq. 19, and appendix C for an upper end.
    """
    means = np.asarray(moments.means, np.float64)
    deviations = np.maximum(np.asarray(moments.deviations, np.float64), 1e-12)
    low, high = -means / deviations, (most - means) / deviations
    inside = _normal(high) - _normal(low)
    value = means * inside + deviations * (_density(low) - _density(high))
    return np.asarray(value if most == math.inf else value + most * (1 - _normal(high)))


def _density(x: Array) -> Array:
    return np.asarray(np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi))


def _normal(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))))


def input_means(graph: Graph, folded: Mapping[str, Moments]) -> dict[int, Array]:
    """Return the mean of each channel of the tensors where it follows, by the tensor's id.

    Args:
        graph: Of a model; batch norms that are left in it count too.
        folded: Moments before the activation, by the layers that batch norms were folded into.
    """
    known: dict[int, Moments] = {}
    for node in graph.nodes:
        found = _output(node, known, folded)
        if found is not None:
            known[id(node.output)] = found
    return {tensor: moments.means for tensor, moments in known.items()}


def _output(
    node: Node, known: Mapping[int, Moments], folded: Mapping[str, Moments]
) -> Moments | None:
    norm = batchnorm(node)
    if norm is not None:
        return Moments(means=norm.means, deviations=norm.deviations)
    if node.name in folded:
        return _activated(folded[node.name], own_function(node.layer))
    inputs = [known.get(id(tensor)) for tensor in node.inputs]
    sources = [moments for moments in inputs if moments is not None]
    if not sources or len(sources) < len(inputs):
        return None
    if node.kind == "Add":
        return _added(sources)
    if len(sources) > 1:
        return None
    if node.kind in _KEEPING:
        return sources[0]
    if node.kind in _AVERAGING:
        return Moments(means=sources[0].means)
    if node.kind == "Flatten" and node.layer.data_format == "channels_last":
        copies = int(node.output.shape[-1] or 0) // len(sources[0].means)
        return Moments(means=np.tile(sources[0].means, copies)) if copies else None
    return _activated(sources[0], function(node))


def _activated(moments: Moments, name: str) -> Moments | None:
    if name == "linear":
        return moments
    if name not in ("relu", "relu6") or moments.deviations is None:
        return None
    return Moments(means=rectified(moments, 6.0 if name == "relu6" else math.inf))


def _added(sources: Sequence[Moments]) -> Moments:
    """Return the moments of a sum, its parts taken to be independent."""
    means = np.sum([moments.means for moments in sources], axis=0)
    parts = [m.deviations for m in sources if m.deviations is not None]
    known = len(parts) == len(sources)
    return Moments(means=means, deviations=np.sqrt(np.sum(np.square(parts), 0)) if known else None)
