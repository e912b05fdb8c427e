"""Keras layers that compute as the integers of an artifact will. They live while training only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from edgekit.passes.simulate.grid import Activations, Range

_LEAST_STEP = 1e-9
_MOMENTUM = 0.99


def on_weight_grid(weights: Any, axes: tuple[int, ...], levels: int) -> Any:
    """Round weights onto their grid, as ``grid.baked`` does; the gradient passes straight through.

    The step is max |w| / levels over ``axes``, and counts as a constant.
    """
    step = ops.maximum(ops.max(ops.abs(weights), axis=axes, keepdims=True) / levels, _LEAST_STEP)
    grid = ops.clip(ops.round(weights / step), -levels, levels) * step
    return weights + ops.stop_gradient(grid - weights)


def on_activation_grid(x: Any, step: Any, zero: Any, limits: tuple[float, float]) -> Any:
    """Round onto ``(q - zero) * step`` for integers q within limits; the step is a constant.

    Gradients by x are 1 inside and 0 outside. Halves are rounded before the zero point is added,
    as runtimes do.
    """

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def grid(x: Any) -> Any:
        value, by_x, _ = _gridded(x, step, zero, limits)
        return value, lambda *args, upstream=None: by_x(_upstream(args, upstream))

    return grid(x)


def on_learnt_grid(x: Any, step: Any, zero: Any, limits: tuple[float, float]) -> Any:
    """Round as ``on_activation_grid`` does, onto a grid whose step is trained too.

    The gradient by the step is ``round(v) - v`` inside, with v = x / step, and ``limit - zero``
    outside: equation 3 of Esser et al. 2020, "Learned Step Size Quantization", with a zero point.
    """

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def grid(x: Any, step: Any) -> Any:
        value, by_x, by_step = _gridded(x, step, zero, limits)

        def gradients(*args: Any, upstream: Any = None) -> Any:
            given = _upstream(args, upstream)
            return by_x(given), by_step(given)

        return value, gradients

    return grid(x, step)


def _gridded(
    x: Any, step: Any, zero: Any, limits: tuple[float, float]
) -> tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]:
    """Return values on the grid and their gradients by x and step, as functions of the upstream.

    Written out, since each operation is a pass over all activations: differentiating the formula
    by itself takes twice as many.
    """
    scaled = x / step
    held = ops.clip(scaled, limits[0] - zero, limits[1] - zero)
    whole = ops.round(held)

    def inside() -> Any:
        return ops.cast(ops.equal(held, scaled), x.dtype)

    def by_step(upstream: Any) -> Any:
        return ops.sum(upstream * (whole - scaled * inside()))

    return whole * step, lambda upstream: upstream * inside(), by_step


def _upstream(args: Any, upstream: Any) -> Any:
    """Return the gradient from above: torch gives it by name, the other backends by place."""
    return args[0] if upstream is None else upstream


class FixedRange(keras.layers.Layer):
    """Rounds an activation onto a grid that never changes."""

    def __init__(self, limits: Range, activations: Activations, **options: Any) -> None:
        super().__init__(**options)
        self._range, self._grid = limits, _grid_of(limits, activations)

    def call(self, x: Any) -> Any:
        """Round."""
        return on_activation_grid(x, *self._grid)

    def range(self) -> Range:
        """Return the range."""
        return self._range


class MovingRange(keras.layers.Layer):
    """Rounds an activation onto a grid over a moving average of its least and largest values."""

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
            step = ops.maximum(ops.maximum(-low, high) / 32767, _LEAST_STEP)
            return on_activation_grid(x, step, 0.0, (-32767.0, 32767.0))
        step = ops.maximum((high - low) / 255, _LEAST_STEP)
        zero = ops.clip(ops.round(-low / step), 0, 255)
        return on_activation_grid(x, step, zero, (0.0, 255.0))

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
        self.step = self.add_weight(shape=(), initializer=_constant(step), name="step")

    def call(self, x: Any) -> Any:
        """Round."""
        values = 1
        for size in x.shape[1:]:
            values *= size or 1
        share = 1.0 / (values * self._limits[1]) ** 0.5
        step = self.step * share + ops.stop_gradient(self.step * (1 - share))
        return on_learnt_grid(x, ops.maximum(step, _LEAST_STEP), self._zero, self._limits)

    def range(self) -> Range:
        """Return the range as it is now."""
        step = max(float(self.step.numpy()), _LEAST_STEP)
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
        step = ops.maximum(largest / levels, _LEAST_STEP)
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
    """A convolution and its batch norm: folded weights rounded, batch statistics corrected for.

    Training computes with weights folded by the moving statistics, scales what comes out by
    sigma_moving / sigma_batch and shifts it by the batch's mean: Krishnamoorthi 2018, "Quantizing
    deep convolutional networks for efficient inference", section 3.2.2, figure 12. Inference is the
    folded layer.

    Args:
        inner: The convolution or dense layer, linear.
        norm: Its batch norm.
        rounding: (axes that one step of the kernel covers, levels).
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
        norm, kernel = self.norm, self.inner.kernel
        gamma = norm.gamma.value if norm.scale else ops.ones_like(norm.moving_variance.value)
        beta = norm.beta.value if norm.center else ops.zeros_like(gamma)
        bias = self.inner.bias.value if self.inner.use_bias else ops.zeros_like(gamma)
        mean, variance = norm.moving_mean.value, norm.moving_variance.value
        if training:
            plain = self._run(x, ops.convert_to_tensor(kernel)) + bias
            axes = tuple(range(len(plain.shape) - 1))
            batch_mean, batch_variance = ops.moments(plain, axes=axes)
            keep = norm.momentum
            mean = mean * keep + ops.stop_gradient(batch_mean) * (1 - keep)
            variance = variance * keep + ops.stop_gradient(batch_variance) * (1 - keep)
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(variance)
        sigma = ops.sqrt(variance + norm.epsilon)
        folded = ops.convert_to_tensor(kernel) * ops.reshape(gamma / sigma, self._outward)
        result = self._run(x, on_weight_grid(folded, *self._rounding))
        if not training:
            return result + (beta + (bias - mean) * gamma / sigma)
        batch_sigma = ops.sqrt(batch_variance + norm.epsilon)
        shift = beta + (bias - batch_mean) * gamma / batch_sigma
        return result * (sigma / batch_sigma) + shift

    def _run(self, x: Any, kernel: Any) -> Any:
        """Call the inner layer with another kernel, and without its bias."""
        values = [(v, v.value) for v in self.inner.variables]
        values = [
            (v, kernel if v is self.inner.kernel else ops.zeros_like(old)) for v, old in values
        ]
        with keras.StatelessScope(state_mapping=values):
            return self.inner(x)


def _grid_of(limits: Range, activations: Activations) -> tuple[float, float, tuple[float, float]]:
    """Return (step, zero point, limits of the integers)."""
    low, high = limits
    if activations == "int16":
        return max(-low, high, _LEAST_STEP) / 32767, 0.0, (-32767.0, 32767.0)
    step = max((high - low) / 255, _LEAST_STEP)
    return step, float(round(-low / step)), (0.0, 255.0)


def _constant(value: float) -> Any:
    return keras.initializers.Constant(value)
