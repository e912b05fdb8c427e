"""Rounding that gradients pass: in ``keras.ops``, and on TensorFlow in its own kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from edgekit.passes.simulate import fused
from edgekit.passes.simulate.grid import LEAST_STEP

# From the gradient above: gradients by x and by the step.
Gradients = Callable[[Any], tuple[Any, Any]]


def on_weight_grid(weights: Any, axes: tuple[int, ...], levels: int) -> Any:
    """Round weights onto their grid, as ``grid.baked`` does; the gradient passes straight through.

    The step is max |w| / levels over ``axes``, and counts as a constant.
    """
    step = ops.maximum(ops.max(ops.abs(weights), axis=axes, keepdims=True) / levels, LEAST_STEP)
    grid = ops.clip(ops.round(weights / step), -levels, levels) * step
    return weights + ops.stop_gradient(grid - weights)


def on_activation_grid(
    x: Any, step: Any, zero: Any, limits: tuple[float, float], *, training: bool = False
) -> Any:
    """Round onto ``(q - zero) * step`` for integers q within limits; the step is a constant.

    Gradients by x are 1 inside and 0 outside. Halves are rounded before the zero point is added,
    as runtimes do; in training kernels may be taken that round them after it.
    """

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def grid(x: Any) -> Any:
        value, gradients = _gridded(x, step, zero, limits, training=training)
        return value, lambda *args, upstream=None: gradients(_upstream(args, upstream))[0]

    return grid(x)


def on_learnt_grid(
    x: Any, step: Any, zero: Any, limits: tuple[float, float], *, training: bool = False
) -> Any:
    """Round as ``on_activation_grid`` does, onto a grid whose step is trained too.

    The gradient by the step is ``round(v) - v`` inside, with v = x / step, and ``limit - zero``
    outside: equation 3 of Esser et al. 2020, "Learned Step Size Quantization", with a zero point.
    """

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def grid(x: Any, step: Any) -> Any:
        value, gradients = _gridded(x, step, zero, limits, training=training)
        return value, lambda *args, upstream=None: gradients(_upstream(args, upstream))

    return grid(x, step)


def batch_normalized(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Return x normalized over all axes but the last, its mean, and its variance."""
    if _by_tensorflow(x) and epsilon >= fused.LEAST_EPSILON:
        return fused.batch_normalized(x, gamma, beta, epsilon)
    mean, variance = ops.moments(x, axes=tuple(range(len(x.shape) - 1)))
    scale = gamma / ops.sqrt(variance + epsilon)
    return x * scale + (beta - mean * scale), mean, variance


def _gridded(
    x: Any, step: Any, zero: Any, limits: tuple[float, float], *, training: bool
) -> tuple[Any, Gradients]:
    """Return values on the grid, and their gradients as a function of the upstream.

    Written out, since each operation is a pass over all activations: differentiating the formula
    by itself takes twice as many.
    """
    if training and _by_tensorflow(x):
        return fused.gridded(x, step, zero, limits)
    scaled = x / step
    held = ops.clip(scaled, limits[0] - zero, limits[1] - zero)
    whole = ops.round(held)

    def gradients(upstream: Any) -> tuple[Any, Any]:
        inside = ops.cast(ops.equal(held, scaled), x.dtype)
        return upstream * inside, ops.sum(upstream * (whole - scaled * inside))

    return whole * step, gradients


def _by_tensorflow(x: Any) -> bool:
    dtype = keras.backend.standardize_dtype(x.dtype)
    return bool(keras.backend.backend() == "tensorflow") and dtype == "float32"


def _upstream(args: Any, upstream: Any) -> Any:
    """Return the gradient from above: torch gives it by name, the other backends by place."""
    return args[0] if upstream is None else upstream
