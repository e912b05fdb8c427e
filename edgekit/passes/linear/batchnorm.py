"""Batch norms at inference: one factor and one shift a channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.graph import Node

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """``y = factors * x + shifts`` along ``axis``.

    ``means`` and ``deviations`` are what the result is distributed like, if the moving statistics
    are those of the data: the learnt shift and the magnitude of the learnt scale.
    """

    factors: Array
    shifts: Array
    axis: int
    means: Array
    deviations: Array


def affine(mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[
    Array, Array
]:  # fmt: skip
    """Return (factors, shifts) of a batch norm: Ioffe and Szegedy 2015, algorithm 2, step 11."""
    factors = gamma / np.sqrt(variance + epsilon)
    return factors, beta - mean * factors


def batchnorm(node: Node) -> Affine | None:
    """Return what a call of a batch norm computes at inference; None for other calls."""
    layer = node.layer
    kind = type(layer)
    if kind.__name__ != "BatchNormalization" or not kind.__module__.startswith("keras."):
        return None
    if len(node.inputs) != 1 or _trains(node.args, node.kwargs) or not isinstance(layer.axis, int):
        return None
    mean, variance = _values(layer.moving_mean), _values(layer.moving_variance)
    gamma = _values(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = _values(layer.beta) if layer.center else np.zeros_like(mean)
    factors, shifts = affine(mean, variance, gamma, beta, layer.epsilon)
    return Affine(
        factors=factors,
        shifts=shifts,
        axis=layer.axis % len(node.output.shape),
        means=beta,
        deviations=np.abs(gamma),
    )


def _trains(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call asks for batch statistics."""
    return bool(kwargs.get("training")) or (len(args) > 1 and bool(args[1]))


def _values(variable: Any) -> Array:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable.value), np.float64)
