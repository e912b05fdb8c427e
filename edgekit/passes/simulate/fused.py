"""TensorFlow's own kernels for rounding and batch norms: a pass or two where formulas take many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LEAST_EPSILON = 1.001e-5
"""TensorFlow's batch norm silently takes this in place of a smaller one."""


def gridded(
    x: Any, step: Any, zero: Any, limits: tuple[float, float]
) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
    """Return float32 values on a grid, and their gradients by x and step from the upstream.

    The kernels round halves up, where formulas round them to even. The gradient by the step is the
    formula's, sum of upstream * (round(v) - v) inside and upstream * (limit - zero) outside,
    written as two dot products: (upstream . y - upstream inside . x) / step.
    """
    import tensorflow as tf

    low, high = (tf.cast((limit - zero) * step, tf.float32) for limit in limits)
    narrow = limits[0] == -limits[1]
    kind = {"num_bits": 16 if narrow else 8, "narrow_range": narrow}
    value = tf.quantization.fake_quant_with_min_max_vars(x, low, high, **kind)

    def gradients(upstream: Any) -> tuple[Any, Any]:
        by_x = tf.raw_ops.FakeQuantWithMinMaxVarsGradient(
            gradients=upstream, inputs=x, min=low, max=high, **kind
        ).backprops_wrt_input
        return by_x, (_dot(upstream, value) - _dot(by_x, x)) / step

    return value, gradients


def batch_normalized(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Return float32 x normalized over all axes but the last, its mean, and its variance."""
    import tensorflow as tf

    # The kernel wants pictures: real ones take it two thirds of the time of as many of one pixel.
    channels, is_pictures = x.shape[-1], len(x.shape) == 4
    result, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x if is_pictures else tf.reshape(x, (-1, 1, 1, channels)),
        gamma, beta, epsilon=epsilon, is_training=True,
    )  # fmt: skip
    count = tf.cast(tf.size(x) // channels, tf.float32)  # the kernel's variance is of a sample
    variance = variance * (count - 1) / count
    return result if is_pictures else tf.reshape(result, tf.shape(x)), mean, variance


def _dot(left: Any, right: Any) -> Any:
    import tensorflow as tf

    rows = (tf.reshape(side, (1, -1)) for side in (left, right))
    return tf.matmul(*rows, transpose_b=True)[0, 0]
