"""Grids of weights and activations, and the gradients that pass them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.passes.simulate import grid

_WEIGHTS = hnp.arrays(
    np.float32, (3, 3, 4), elements=st.floats(-8, 8, width=32, allow_subnormal=False)
)


@given(_WEIGHTS, st.sampled_from([127, 64, 7]))
def test_baked_weights_are_integers_times_a_step_and_stay_when_baked_again(
    weights: np.ndarray, levels: int
) -> None:
    once = grid.baked(weights, (0, 1), levels)
    step = grid.steps(weights, (0, 1), levels)
    numbers = once / step
    np.testing.assert_allclose(numbers, np.rint(numbers), atol=1e-3)
    assert np.abs(numbers).max() <= levels + 1e-3
    np.testing.assert_allclose(grid.steps(once, (0, 1), levels), step, rtol=1e-6)
    np.testing.assert_allclose(grid.baked(once, (0, 1), levels), once, rtol=1e-6, atol=1e-9)


@given(_WEIGHTS, st.sampled_from([127, 7]))
def test_no_weight_moves_by_more_than_half_a_step(weights: np.ndarray, levels: int) -> None:
    step = grid.steps(weights, (0, 1), levels)
    moved = np.abs(grid.baked(weights, (0, 1), levels) - weights)
    assert (moved <= 0.5001 * step + 1e-7).all()


@given(st.floats(-50, 0), st.floats(0, 50))
def test_a_representable_range_holds_zero_on_a_level(low: float, high: float) -> None:
    new_low, new_high = grid.representable(low, high)
    scale = (new_high - new_low) / 255
    zero = -new_low / scale
    assert abs(zero - round(zero)) < 1e-6
    assert new_low <= 0 <= new_high
    assert abs(new_low - low) <= 0.51 * scale
    assert grid.representable(new_low, new_high) == pytest.approx((new_low, new_high), abs=1e-6)


def test_int16_ranges_are_symmetric() -> None:
    assert grid.representable(-1.0, 3.0, "int16") == (-3.0, 3.0)


def _gradient(function: Any, *values: float) -> list[float]:
    tf = pytest.importorskip("tensorflow")
    variables = [tf.Variable(value) for value in values]
    with tf.GradientTape() as tape:
        result = function(*variables)
    return [float(g) for g in tape.gradient(result, variables)]


@pytest.mark.parametrize(
    ("x", "expected"), [(0.34, round(0.34 / 0.1) - 0.34 / 0.1), (90.0, 247.0), (-90.0, -8.0)]
)
def test_the_steps_gradient_is_that_of_equation_3_of_lsq(x: float, expected: float) -> None:
    from edgekit.passes.simulate.rounding import on_learnt_grid

    by_x, by_step = _gradient(lambda x, s: on_learnt_grid(x, s, 8.0, (0.0, 255.0)), x, 0.1)
    assert by_step == pytest.approx(expected, abs=1e-4)
    assert by_x == (1.0 if abs(x) < 1 else 0.0)


def test_weights_pass_gradients_straight_through() -> None:
    import tensorflow as tf

    from edgekit.passes.simulate.rounding import on_weight_grid

    weights = tf.Variable(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    towards = tf.constant(np.arange(15, dtype=np.float32).reshape(5, 3))
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(on_weight_grid(weights, (0,), 127) * towards)
    np.testing.assert_allclose(tape.gradient(result, weights), towards, rtol=1e-6)


def test_what_trains_rounds_as_what_bakes() -> None:
    from edgekit.passes.simulate.rounding import on_weight_grid

    weights = np.random.default_rng(1).normal(size=(3, 3, 2, 4)).astype(np.float32)
    trained = np.asarray(on_weight_grid(weights, (0, 1, 2), 127))
    np.testing.assert_allclose(trained, grid.baked(weights, (0, 1, 2), 127), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("limits", [(0.0, 255.0), (-32767.0, 32767.0)])
def test_tensorflows_kernels_round_and_pass_gradients_as_the_formulas_do(
    limits: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    from edgekit.passes.simulate import rounding

    rng = np.random.default_rng(2)
    high = 3.0
    step, zero = (2 * high / 255, 130.0) if limits[0] == 0 else (high / 32767, 0.0)
    values, upstream = rng.normal(0, 2, (2, 9, 7)).astype(np.float32)
    found = []
    for by_kernels in (True, False):
        monkeypatch.setattr(rounding, "_by_tensorflow", lambda _, answer=by_kernels: answer)
        x, s = tf.Variable(values), tf.Variable(step)
        with tf.GradientTape() as tape:
            y = rounding.on_learnt_grid(x, s, zero, limits, training=True)
        found.append([y, *tape.gradient(y, [x, s], tf.constant(upstream))])
    (y, by_x, by_step), (own, own_by_x, own_by_step) = found
    assert 0 < np.count_nonzero(own_by_x == 0) < own.shape.num_elements() / 2
    np.testing.assert_allclose(y, own, atol=1e-6)
    np.testing.assert_array_equal(by_x, own_by_x)
    # Both add thousands of steps up in float32: what is left is small beside what was added.
    np.testing.assert_allclose(by_step, own_by_step, rtol=1e-3, atol=1e-6 * abs(limits[1]))


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (6, 5, 3), (6, 3), (1, 3)])
def test_tensorflows_batch_norm_is_the_formulas(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    from edgekit.passes.simulate import rounding

    rng = np.random.default_rng(3)
    values = rng.normal(2, 3, shape).astype(np.float32)
    upstream = rng.normal(size=shape).astype(np.float32)
    found = []
    for by_kernel in (True, False):
        monkeypatch.setattr(rounding, "_by_tensorflow", lambda _, answer=by_kernel: answer)
        tensors = [tf.Variable(values), tf.Variable([1.0, -0.5, 0.0]), tf.Variable([0.0, 1.0, 2.0])]
        with tf.GradientTape() as tape:
            y, mean, variance = rounding.batch_normalized(*tensors, 1e-3)
        gradients = tape.gradient(y, tensors, tf.constant(upstream))
        found.append([y, mean, variance, *gradients])
    for kernel, formula in zip(*found, strict=True):
        np.testing.assert_allclose(kernel, formula, rtol=1e-4, atol=1e-5)
