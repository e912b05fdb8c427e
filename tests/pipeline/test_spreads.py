"""Histograms for looking at: no number is lost, and ranges are what the integers hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.calibrate.binned import BINS, binned, binned_values
from edgekit.calibrate.estimators import RangeAccumulator
from edgekit.formats.weights import StoredWeights, _unpacked
from edgekit.pipeline.spreads import MOST, _of_weights, activation_spreads

NUMBERS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=60)


@given(NUMBERS, st.integers(1, 40))
def test_every_number_is_counted_where_it_lies(numbers: list[float], bins: int) -> None:
    values = np.array(numbers)
    counts = binned_values(values, values.min(), values.max(), bins=bins)
    assert len(counts) == bins
    assert counts.sum() == len(values)
    assert counts[0] > 0
    if values.max() - values.min() > 1e-9:
        assert bins == 1 or counts[-1] > 0


@given(NUMBERS)
def test_few_bins_hold_what_many_held(numbers: list[float]) -> None:
    seen = RangeAccumulator()
    seen.update(np.array(numbers, np.float32)[None])
    found = binned(seen.histogram())
    assert (len(found), int(found.sum())) == (BINS, len(numbers))


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=21))
def test_two_numbers_of_four_bits_lie_in_a_byte(numbers: list[int]) -> None:
    halves = np.array([*numbers, 0], np.int8)[: len(numbers) + len(numbers) % 2] & 15
    packed = (halves[0::2] | (halves[1::2] << 4)).astype(np.uint8)
    assert _unpacked(packed, "int4", len(numbers)).tolist() == numbers


@given(st.integers(0, 2), st.booleans())
def test_ranges_of_channels_are_those_of_their_scales(axis: int, several: bool) -> None:
    rng = np.random.default_rng(axis)
    stored = rng.integers(-127, 128, (3, 4, 5)).astype(np.int8)
    scales = np.linspace(0.5, 2.0, stored.shape[axis]) if several else np.array([0.25])
    found = _of_weights(StoredWeights(
        name="w", dtype="int8", stored=stored, scales=scales, zero_points=np.zeros(len(scales)),
        axis=axis,
    ))  # fmt: skip
    assert sum(found.counts) == stored.size
    assert (found.range_low, found.range_high) == (-128 * scales.max(), 127 * scales.max())
    narrow = (-128 * scales.min(), 127 * scales.min()) if several else (None, None)
    assert (found.narrow_low, found.narrow_high) == narrow
    shape = [1, 1, 1]
    shape[axis] = -1
    real = stored * (scales.reshape(shape) if several else scales[0])
    assert (found.low, found.high) == pytest.approx((real.min(), real.max()))


def test_what_lies_beyond_a_range_is_a_share() -> None:
    seen = {"a": (0.0, 4.0, (10, 10, 10, 70)), "b": (0.0, 1.0, (1,))}
    (found,), more = activation_spreads(seen, {"a": (0.0, 3.0)}, ["b", "a", "c", "a"])
    assert (found.name, found.clipped, more) == ("a", 0.7, 0)
    names = [f"t{at}" for at in range(MOST + 5)]
    many = dict.fromkeys(names, (0.0, 1.0, (1,)))
    kept, more = activation_spreads(many, dict.fromkeys(names, (0.0, 1.0)), names)
    assert (len(kept), more) == (MOST, 5)
