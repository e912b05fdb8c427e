from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.passes.kmeans import clustered

STARTS = ("k-means++", "linear", "density")
numbers = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=12),
    elements=st.floats(-100, 100, width=32),
)


@given(numbers, st.integers(1, 9), st.sampled_from(STARTS))
def test_inertia_never_rises_and_is_what_is_left(values, clusters, start):
    found = clustered(values, clusters, start=start, seed=0)

    slack = 1e-9 * max(1.0, float((values.astype(float) ** 2).sum()))
    assert all(b <= a + slack for a, b in pairwise(found.inertia))
    left = float(((values - found.values) ** 2).sum())
    assert left == pytest.approx(found.inertia[-1], abs=slack)


@given(numbers, st.integers(1, 9), st.sampled_from(STARTS))
def test_every_number_goes_to_its_nearest_centroid(values, clusters, start):
    found = clustered(values, clusters, start=start, seed=1)

    assert found.indices.shape == values.shape
    assert 1 <= found.centroids.size <= clusters
    assert (np.diff(found.centroids) > 0).all()
    assert set(np.unique(found.indices)) == set(range(found.centroids.size))
    nearest = np.abs(values[..., None] - found.centroids).min(axis=-1)
    assert np.abs(values - found.values) == pytest.approx(nearest, abs=1e-6)


@pytest.mark.parametrize("start", STARTS)
def test_groups_that_lie_apart_are_found(start):
    values = np.concatenate([np.random.default_rng(0).normal(c, 0.01, 50) for c in (-3, 0, 1, 5)])

    found = clustered(values, 4, start=start, seed=3)

    if start != "linear":  # which may begin with two centroids in one gap
        assert found.centroids == pytest.approx([-3, 0, 1, 5], abs=0.02)


def test_few_different_numbers_stay_as_they_are():
    values = np.array([0.1, -2.5, 0.1, 7.0], dtype=np.float32)

    assert clustered(values, 4, start="linear", seed=0).values == pytest.approx(values, abs=0)


def test_the_seed_decides():
    values = np.random.default_rng(5).normal(size=2000)

    first, again, other = (clustered(values, 16, start="k-means++", seed=s) for s in (0, 0, 1))

    assert np.array_equal(first.centroids, again.centroids)
    assert not np.array_equal(first.centroids, other.centroids)
