from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.accuracy import compare_layers, sqnr_db
from edgekit.accuracy.sqnr import Power
from edgekit.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 8)).astype(np.float32)


@settings(deadline=None)
@given(st.floats(-60, 120), st.floats(1e-6, 1e6))
def test_sqnr_is_the_ratio_of_powers_whatever_the_scale(decibels, scale):
    reference = X.astype(np.float64) * scale
    noise = reference * 10 ** (-decibels / 20)
    assert sqnr_db(reference, reference + noise) == pytest.approx(decibels, abs=1e-3)


def test_sqnr_at_its_ends():
    assert sqnr_db(X, X) == math.inf
    assert sqnr_db(np.zeros(3), np.zeros(3)) == math.inf
    assert sqnr_db(np.zeros(3), np.ones(3)) == -math.inf
    assert sqnr_db(X, np.full_like(X, np.nan)) == -math.inf
    assert sqnr_db(np.float32(2), np.float32(1)) == pytest.approx(10 * math.log10(4))


def test_power_adds_up_over_batches():
    noisy = X + 0.1
    whole = Power().add(X, noisy)
    parts = Power().add(X[:30], noisy[:30]).add(X[30:], noisy[30:])
    assert parts.sqnr_db == pytest.approx(whole.sqnr_db)
    assert whole.peak == pytest.approx(0.1, rel=1e-5)


def test_long_arrays_are_taken_in_pieces():
    long = RNG.normal(size=(10_000, 2))
    assert sqnr_db(long, long * 1.1) == pytest.approx(20)


def layers():
    good, bad = X * 1.001, X * 1.5
    reference = {"a": X, "b": X, "c": X, "gone": X, "other": X}
    candidate = {"a": good, "b": bad, "c": bad, "other": X[:, :4], "new": X}
    return reference, candidate


def test_the_worst_tensor_and_where_the_error_arises():
    found = compare_layers([layers()])
    assert [layer.name for layer in found.layers] == ["a", "b", "c"]
    assert found.worst_drop.name == "b"
    assert found.worst.name == "b"
    assert found.layers[0].sqnr_db == pytest.approx(60, abs=0.1)
    assert found.layers[1].added_noise == pytest.approx(0.25, abs=1e-3)
    assert found.layers[2].added_noise == pytest.approx(0, abs=1e-9)
    assert sorted(layer.rank for layer in found.layers) == [1, 2, 3]


def test_what_could_not_be_compared_has_its_reason():
    reasons = dict(compare_layers([layers()], order=["gone", "other", "new", "a"]).skipped)
    assert reasons["gone"] == "not in the candidate"
    assert reasons["new"] == "not in the reference"
    assert reasons["other"].startswith("shapes differ")
    assert "a" not in reasons


def test_batches_give_what_the_whole_gives():
    reference, candidate = layers()
    batches = (
        ({k: v[i : i + 10] for k, v in reference.items()},
         {k: v[i : i + 10] for k, v in candidate.items()})
        for i in range(0, 100, 10)
    )  # fmt: skip
    whole = [layer.sqnr_db for layer in compare_layers([layers()]).layers]
    assert [layer.sqnr_db for layer in compare_layers(batches).layers] == pytest.approx(whole)


def test_nothing_to_compare():
    with pytest.raises(DataError, match="at least one batch"):
        compare_layers([])
    empty = compare_layers([({"a": X}, {"b": X})])
    assert empty.worst is None
    assert empty.worst_drop is None


def test_identical_tensors_lose_nothing():
    found = compare_layers([({"a": X, "b": X}, {"a": X, "b": X})])
    assert all(layer.added_noise == 0 and layer.sqnr_db == math.inf for layer in found.layers)
