from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.calibrate.estimators import ESTIMATORS, GROUP, SMALLEST, RangeAccumulator, Ranges
from edgekit.calibrate.histogram import BINS
from edgekit.calibrate.kernels import expected_errors, percentile_range
from edgekit.errors import DataError, UnknownName

tensors = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=40),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)
estimators = st.sampled_from(ESTIMATORS)


def accumulate(x, cuts=()):
    seen = RangeAccumulator()
    for part in np.split(x, sorted(cuts)):
        seen.update(part)
    return seen


def quantization_error(x, low, high, bits):
    step = (high - low) / (2**bits - 1)
    zero = np.round(-low / step)
    stored = np.clip(np.round(x / step) + zero, 0, 2**bits - 1)
    return float((((stored - zero) * step - x) ** 2).mean())


@settings(deadline=None)
@given(tensors, estimators, st.booleans(), st.sampled_from([4, 8, 16]))
def test_ranges_hold_zero_have_a_width_and_stay_within_the_extremes(x, estimator, symmetric, bits):
    low, high = accumulate(x).range(estimator, bits=bits, symmetric=symmetric)
    assert low <= 0 <= high
    assert low < high
    least, most = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    if symmetric:
        assert low == -high
        least, most = -max(-least, most), max(-least, most)
    assert low >= least - SMALLEST
    assert high <= most + SMALLEST


@settings(deadline=None)
@given(tensors, estimators, st.data())
def test_ranges_do_not_depend_on_how_samples_are_cut_into_batches(x, estimator, data):
    cuts = data.draw(st.lists(st.integers(0, len(x)), max_size=4))
    assert accumulate(x, cuts).range(estimator) == accumulate(x).range(estimator)


@settings(deadline=None)
@given(tensors, st.sampled_from([e for e in ESTIMATORS if e != "moving-average"]), st.randoms())
def test_ranges_do_not_depend_on_the_order_of_samples(x, estimator, random):
    order = list(range(len(x)))
    random.shuffle(order)
    assert accumulate(x[order]).range(estimator) == accumulate(x).range(estimator)


@settings(deadline=None)
@given(tensors, estimators, st.integers(-8, 8))
def test_ranges_scale_with_the_data(x, estimator, power):
    low, high = accumulate(x).range(estimator)
    if high - low > 1e-3:
        scaled = accumulate(x * np.float32(2.0**power)).range(estimator)
        assert scaled == pytest.approx((low * 2.0**power, high * 2.0**power), rel=1e-6)


@settings(deadline=None)
@given(tensors)
def test_the_histogram_counts_every_value_in_its_bin(x):
    histogram = accumulate(x).histogram()
    assert len(histogram.counts) == BINS
    edges = (histogram.first + np.arange(BINS + 1)) * histogram.width
    assert histogram.counts.tolist() == np.histogram(x, edges)[0].tolist()
    assert histogram.counts.sum() == x.size
    assert histogram.zeros == (x == 0).sum()


@settings(deadline=None)
@given(tensors, st.sampled_from([4, 8]), st.booleans())
def test_mse_is_never_worse_than_min_max_on_the_histogram(x, bits, symmetric):
    seen = accumulate(x)
    found = [seen.range(e, bits=bits, symmetric=symmetric) for e in ("mse", "min-max")]
    low, high = (np.array(ends) for ends in zip(*found, strict=True))
    best, whole = expected_errors(seen.histogram(), low, high, bits=bits, symmetric=symmetric)
    assert best <= whole * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("shape", ["normal", "laplace", "standard_exponential", "random"])
def test_mse_is_at_least_as_good_as_the_others_when_really_quantized(bits, shape):
    x = getattr(np.random.default_rng(0), shape)(size=(200, 3000)).astype("float32")
    seen = accumulate(x)
    best = quantization_error(x, *seen.range("mse", bits=bits), bits)
    for estimator in ESTIMATORS:
        other = quantization_error(x, *seen.range(estimator, bits=bits), bits)
        assert best <= other * 1.05


def test_entropy_is_near_the_best_where_half_of_the_values_are_zero():
    x = np.maximum(np.random.default_rng(0).normal(size=(200, 3000)), 0).astype("float32")
    seen = accumulate(x)
    found = quantization_error(x, *seen.range("entropy"), 8)
    assert found < 1.3 * quantization_error(x, *seen.range("min-max"), 8)


def test_entropy_clips_a_lone_outlier():
    x = np.random.default_rng(0).normal(size=(100, 1000)).astype("float32")
    x[50, 3] = 200
    low, high = accumulate(x).range("entropy")
    assert high < 50
    assert -6 < low < -3


def test_percentile_matches_numpy():
    x = np.random.default_rng(0).normal(size=(100, 4000)).astype("float32")
    low, high = percentile_range(accumulate(x).histogram(), 0.999)
    assert (low, high) == pytest.approx(np.quantile(x, [0.001, 0.999]), abs=0.02)


def test_moving_average_follows_its_formula():
    groups = np.random.default_rng(0).normal(size=(3, GROUP, 5)).astype("float32")
    low, high = groups[0].min(), groups[0].max()
    for group in groups[1:]:
        low, high = 0.9 * low + 0.1 * group.min(), 0.9 * high + 0.1 * group.max()
    found = accumulate(groups.reshape(-1, 5)).range("moving-average")
    assert found == pytest.approx((low, high))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_tensor_of_zeros_gets_a_small_width(estimator):
    assert accumulate(np.zeros((4, 3))).range(estimator) == (0.0, SMALLEST)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("value", [1e-30, 1e-3, 7.0, 1e30])
def test_constant_tensors_of_any_size(estimator, value):
    low, high = accumulate(np.full((40, 3), value)).range(estimator)
    assert low == 0
    assert high == pytest.approx(value, rel=0.01) or high == SMALLEST


def test_large_samples_are_thinned_but_extremes_are_exact():
    x = np.random.default_rng(0).normal(size=(4, 64, 64, 16)).astype("float32")
    x[2, 13, 17, 5] = 99
    seen = accumulate(x)
    assert seen.range("min-max")[1] == 99
    assert seen.histogram().counts.sum() <= 4 * 4096
    low, high = percentile_range(seen.histogram(), 0.99)
    assert (low, high) == pytest.approx(np.quantile(x, [0.01, 0.99]), abs=0.15)


def test_every_channel_is_seen_when_thinned():
    x = np.zeros((8, 64, 64, 16), np.float32)
    x[..., 11] = 3
    counts = accumulate(x).histogram().counts
    assert (counts > 0).sum() == 2


def test_infinity_is_refused_by_name():
    ranges = Ranges(["conv"])
    with pytest.raises(DataError, match="conv: expected finite"):
        ranges.update({"conv": np.array([[1.0, np.inf]])})


def test_many_tensors_at_once():
    ranges = Ranges(["a", "b", "never"], histogram=False)
    ranges.update({"a": np.ones((4, 2)), "b": -np.ones((4, 2)), "other": np.ones((4, 2))})
    assert ranges.ranges("min-max") == {"a": (0.0, 1.0), "b": (-1.0, 0.0)}
    with pytest.raises(DataError, match="histogram"):
        ranges.ranges("mse")
    with pytest.raises(UnknownName, match="did you mean 'entropy'"):
        ranges.ranges("entrop")
