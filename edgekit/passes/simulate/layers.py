"""Keras layers that compute as the integers of an artifact will. They live while training only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from edgekit.passes.simulate.grid import LEAST_STEP, Activations, Range
from edgekit.passes.simulate.rounding import (
    batch_normalized,
    on_activation_grid,
    on_learnt_grid,
    on_weight_grid,
)

_MOMENTUM = 0.99


class FixedRange(keras.layers.Layer):
    """Rounds an activation onto a grid that never changes."""

    def __init__(self, limits: Range, activations: Activations, **options: Any) -> None:
        super().__init__(**options)
        self._range, self._grid = limits, _grid_of(limits, activations)
        self.starts_at_zero = _starts_at_zero(*self._grid)

    def call(self, x: Any, training: bool = False) -> Any:
        """Round."""
        return on_activation_grid(x, *self._grid, training=training)

    def range(self) -> Range:
        """Return the range."""
        return self._range


class RoundedGate(keras.layers.Layer):
    """Computes silu as x times a sigmoid of its own, which is rounded."""

    def __init__(self, limits: Range, activations: Activations, **options: Any) -> None:
        super().__init__(**options)
        self._grid = _grid_of(limits, activations)

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute silu."""
        return x * on_activation_grid(ops.sigmoid(x), *self._grid, training=training)


class MovingRange(keras.layers.Layer):
    """Rounds an activation onto a grid over a moving average of its least and largest values."""

    starts_at_zero = False  # not for sure

    def __init__(self, limits: Range, activations: Activations, **options: Any) -> None:
        super().__init__(**options)
        self._activations = activations
        self.low, self.high = (
            self.add_weight(shape=(), initializer=_constant(v), trainable=False, name=name)
            for name, v in zip(("low", "high"), limits, strict=True)
        )

    def call(self, x: Any, training: bool = False) -> Any:
        """Round; widen or narrow the range first, in training."""
        if training:
            for variable, seen in ((self.low, ops.min(x)), (self.high, ops.max(x))):
                seen = ops.cast(seen, variable.dtype)
                variable.assign(variable * _MOMENTUM + seen * (1 - _MOMENTUM))
        low, high = ops.minimum(self.low, 0.0), ops.maximum(self.high, 0.0)
        if self._activations == "int16":
            step = ops.maximum(ops.maximum(-low, high) / 32767, LEAST_STEP)
            return on_activation_grid(x, step, 0.0, (-32767.0, 32767.0), training=training)
        step = ops.maximum((high - low) / 255, LEAST_STEP)
        zero = ops.clip(ops.round(-low / step), 0, 255)
        return on_activation_grid(x, step, zero, (0.0, 255.0), training=training)

    def range(self) -> Range:
        """Return the range as it is now."""
        return float(self.low.numpy()), float(self.high.numpy())


class LearntRange(keras.layers.Layer):
    """Rounds an activation onto a grid whose step is trained; the zero point stays.

    Esser et al. 2020. The step's gradient is scaled by 1 / sqrt(values a sample * levels), their
    section 2.2.
    """

    def __init__(self, limits: Range, activations: Activations, **options: Any) -> None:
        super().__init__(**options)
        step, self._zero, self._limits = _grid_of(limits, activations)
        self.starts_at_zero = _starts_at_zero(step, self._zero, self._limits)
        self.step = self.add_weight(shape=(), initializer=_constant(step), name="step")

    def call(self, x: Any, training: bool = False) -> Any:
        """Round."""
        values = 1
        for size in x.shape[1:]:
            values *= size or 1
        share = 1.0 / (values * self._limits[1]) ** 0.5
        step = self.step * share + ops.stop_gradient(self.step * (1 - share))
        step = ops.maximum(step, LEAST_STEP)
        return on_learnt_grid(x, step, self._zero, self._limits, training=training)

    def range(self) -> Range:
        """Return the range as it is now."""
        step = max(float(self.step.numpy()), LEAST_STEP)
        return tuple((limit - self._zero) * step for limit in self._limits)  # type: ignore[return-value]


class RoundedWeights(keras.layers.Layer):
    """Calls a layer with some of its variables rounded; the layer itself is trained.

    Args:
        inner: Any built layer.
        axes: By the id of a variable: (the axes that one step covers, levels).
    """

    def __init__(
        self, inner: Any, axes: Mapping[int, tuple[tuple[int, ...], int]], **options: Any
    ) -> None:
        super().__init__(**options)
        self.inner, self._axes = inner, dict(axes)
        self.built = True

    def call(self, *args: Any, training: bool = False, **kwargs: Any) -> Any:
        """Call the layer."""
        variables = self.inner.variables
        values = [
            (v, on_weight_grid(v.value, *self._axes[id(v)]) if id(v) in self._axes else v.value)
            for v in variables
        ]
        if self.inner._call_has_training_arg:
            kwargs["training"] = training
        with keras.StatelessScope(state_mapping=values) as scope:
            result = self.inner(*args, **kwargs)
        before = {id(v): value for v, value in values}
        for variable in self.inner.non_trainable_variables:
            after = scope.get_current_value(variable)
            if after is not None and after is not before[id(variable)]:
                variable.assign(after)
        return result


class IntegerAverages(keras.layers.Layer):
    """Pools stored int8 numbers; for comparing.

    Args:
        inner: A pooling layer.
        step: Of its input and output.
        zero: Their zero point as stored, -128 to 127.
        away: Whether halves go away from 0, as in TFLite's kernel; if not, to even.
    """

    def __init__(self, inner: Any, step: float, zero: float, *, away: bool, **options: Any) -> None:
        super().__init__(**options)
        self.inner, self._step, self._zero, self._away = inner, step, zero, away
        self.built = True

    def call(self, x: Any) -> Any:
        """Call the layer."""
        mean = self.inner(ops.round(x / self._step)) + self._zero
        from_zero = ops.sign(mean) * ops.floor(ops.abs(mean) + 0.5)
        stored = from_zero if self._away else ops.round(mean)
        return (stored - self._zero) * self._step


class IntegerProducts(keras.layers.Layer):
    """Calls a layer on integers, as a runtime does; for comparing, not for training.

    Sums of integers below 2^24 are exact in float32, where those of their real values are not.

    Args:
        inner: A linear layer whose kernel and bias are baked.
        rounding: (axes that one step of the kernel covers, levels).
        step: Of the input.
    """

    def __init__(
        self, inner: Any, rounding: tuple[tuple[int, ...], int], step: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self.inner, self._rounding, self._step = inner, rounding, step
        self.built = True

    def call(self, x: Any) -> Any:
        """Call the layer."""
        axes, levels = self._rounding
        kernel = ops.convert_to_tensor(self.inner.kernel)
        largest = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
        step = ops.maximum(largest / levels, LEAST_STEP)
        own = self.inner.kernel
        values = [
            (v, ops.round(kernel / step) if v is own else ops.zeros_like(v))
            for v in self.inner.variables
        ]
        with keras.StatelessScope(state_mapping=values):
            sums = self.inner(ops.round(x / self._step))
        result = sums * (ops.reshape(step, (-1,)) * self._step)
        return result + self.inner.bias if self.inner.use_bias else result


class CorrectedBatchnorm(keras.layers.Layer):
    """A convolution and its batch norm: weights rounded as folded ones are, statistics moving.

    Training scales by the batch's statistics, inference computes with weights folded by the moving
    ones: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference",
    section 3.2.2, figure 12. One convolution does both: a grid of each channel's own grows with
    the channel's scale, so that folding and rounding may change places. The statistics are those of
    what the rounded weights give, which takes out the shift of the mean that rounding brings.

    Args:
        inner: The convolution or dense layer, linear.
        norm: Its batch norm.
        rounding: (axes that one step of the kernel covers, levels); a step for each channel.
        outward: Shape that a per-channel vector takes to multiply the kernel.
    """

    def __init__(
        self, inner: Any, norm: Any, rounding: tuple[tuple[int, ...], int],
        outward: tuple[int, ...], **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.inner, self.norm = inner, norm
        self._rounding, self._outward = rounding, outward
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the two at once."""
        norm = self.norm
        gamma = norm.gamma.value if norm.scale else ops.ones_like(norm.moving_variance.value)
        beta = norm.beta.value if norm.center else ops.zeros_like(gamma)
        kernel = ops.convert_to_tensor(self.inner.kernel)
        if training:
            result = self._run(x, on_weight_grid(kernel, *self._rounding), with_bias=True)
            result, mean, variance = batch_normalized(result, gamma, beta, norm.epsilon)
            for moving, seen in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
                keep = norm.momentum
                moving.assign(moving * keep + ops.stop_gradient(seen) * (1 - keep))
            return result
        scale = gamma / ops.sqrt(norm.moving_variance.value + norm.epsilon)
        folded = kernel * ops.reshape(scale, self._outward)
        bias = self.inner.bias.value if self.inner.use_bias else ops.zeros_like(gamma)
        shift = beta + (bias - norm.moving_mean.value) * scale
        return self._run(x, on_weight_grid(folded, *self._rounding), with_bias=False) + shift

    def _run(self, x: Any, kernel: Any, *, with_bias: bool) -> Any:
        """Call the inner layer with another kernel."""
        values = [(v, v.value) for v in self.inner.variables]
        values = [
            (v, kernel if v is self.inner.kernel else old if with_bias else ops.zeros_like(old))
            for v, old in values
        ]
        with keras.StatelessScope(state_mapping=values):
            return self.inner(x)


def _grid_of(limits: Range, activations: Activations) -> tuple[float, float, tuple[float, float]]:
    """Return (step, zero point, limits of the integers)."""
    low, high = limits
    if activations == "int16":
        return max(-low, high, LEAST_STEP) / 32767, 0.0, (-32767.0, 32767.0)
    step = max((high - low) / 255, LEAST_STEP)
    return step, float(round(-low / step)), (0.0, 255.0)


def _starts_at_zero(_: float, zero: float, limits: tuple[float, float]) -> bool:
    return zero == limits[0]


def _constant(value: float) -> Any:
    return keras.initializers.Constant(value)
