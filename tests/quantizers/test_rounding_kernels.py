from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekit.quantizers.nncf import nudged
from edgekit.quantizers.rounding import bias_shift, on_grid

FINITE = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)
WEIGHTS = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4)), elements=FINITE
)
TOPS = st.sampled_from([7, 64, 127])


@given(WEIGHTS, st.sampled_from([None, 0, 1, 2]), TOPS)
def test_weights_are_moved_by_half_a_step_at_most(
    weights: np.ndarray, axis: int | None, top: int
) -> None:
    found = on_grid(weights, axis, top=top)
    assert found.shape == weights.shape
    assert found.dtype == np.float32
    others = None if axis is None else tuple(i for i in range(3) if i != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    step = largest / top
    assert np.all(np.abs(found - weights) <= step / 2 * (1 + 1e-4) + 1e-30)
    assert np.all(np.abs(found) <= largest * (1 + 1e-6))
    steps = np.divide(found, step, out=np.zeros_like(found), where=step > 0)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.all(np.abs(np.round(steps)) <= top)


@given(WEIGHTS, st.sampled_from([None, 0, 1, 2]))
def test_rounding_twice_changes_nothing(weights: np.ndarray, axis: int | None) -> None:
    once = on_grid(weights, axis)
    np.testing.assert_allclose(on_grid(once, axis), once, rtol=1e-5, atol=1e-30)


@given(WEIGHTS)
def test_each_channel_is_rounded_for_itself(weights: np.ndarray) -> None:
    found = on_grid(weights, 1)
    for channel in range(weights.shape[1]):
        np.testing.assert_array_equal(found[:, channel], on_grid(weights[:, channel], None))


def test_a_channel_of_zeros_stays() -> None:
    weights = np.array([[0, 0], [1, 3]], np.float32)
    assert on_grid(weights, 0)[0].tolist() == [0, 0]


@given(WEIGHTS, st.sampled_from([0, 1, 2, -1]))
def test_a_shift_is_the_mean_error_of_each_channel(error: np.ndarray, axis: int) -> None:
    shift = bias_shift(error, axis)
    assert shift.dtype == np.float32
    assert shift.shape == (error.shape[axis],)
    for channel in range(error.shape[axis]):
        mean = np.take(error, channel, axis).astype(np.float64).mean()
        assert shift[channel] == pytest.approx(mean, rel=1e-5, abs=1e-6)


@given(st.integers(0, 2**31))
def test_a_shifted_layer_keeps_its_mean_output(seed: int) -> None:
    """E[W x + b] = E[W_q x + b + shift]: that is what the correction is for."""
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(2, 1, (50, 6)), rng.normal(size=(6, 3)).astype(np.float32)
    rounded = on_grid(weights, 1, top=7)
    shift = bias_shift(x.mean(axis=0, keepdims=True) @ (weights - rounded))
    np.testing.assert_allclose((x @ rounded + shift).mean(0), (x @ weights).mean(0), atol=1e-4)


@given(
    st.floats(-1e4, 0, width=32, allow_subnormal=False),
    st.floats(0, 1e4, width=32, allow_subnormal=False),
)
def test_a_nudged_range_holds_zero_on_a_level_and_keeps_its_width(low: float, high: float) -> None:
    found = nudged(low, high)
    if high == low:
        assert found == (low, high)
        return
    step = (high - low) / 255
    assert found[1] - found[0] == pytest.approx(high - low, rel=1e-9)
    assert found[0] <= 0 <= found[1]
    levels = found[0] / step
    assert levels == pytest.approx(round(levels), abs=1e-6)
    assert abs(found[0] - low) <= step / 2 * (1 + 1e-9)
