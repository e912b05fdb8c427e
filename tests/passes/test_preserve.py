import keras  # noqa: TID253
import numpy as np
import pytest

from edgekit.passes.base import Context
from edgekit.passes.cluster import Cluster
from edgekit.passes.graph import flat
from edgekit.passes.magnitude_prune import MagnitudePrune
from edgekit.passes.preserve import hooks_for, preserved
from edgekit.passes.weights import kernels

L = keras.layers


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12,))
    x = L.Dense(24, activation="relu", name="one")(inputs)
    return flat(keras.Model(inputs, L.Dense(8, name="two")(x)))


def train(model, hooks):
    generator = np.random.default_rng(0)
    x, y = (generator.normal(size=(64, n)).astype("float32") for n in (12, 8))
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=keras.backend.backend() == "jax")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=hooks)


def groups(numbers):
    return np.unique(numbers, return_inverse=True)[1].ravel()


def test_a_plain_model_has_nothing_to_preserve(model):
    found = preserved(model)

    assert (found.masks, found.clusters) == ({}, {})
    assert hooks_for(model, sparsity=True, clusters=True) == []


def test_zeros_stay_in_any_training(model):
    MagnitudePrune(epochs=0, only=("one",)).run(model, Context())
    before = kernels(model)[0].read()
    assert list(preserved(model).masks) == ["one/kernel"]

    train(model, hooks_for(model, sparsity=True, clusters=False))

    after = kernels(model)[0].read()
    assert np.array_equal(after == 0, before == 0)
    assert not np.array_equal(after, before)


def test_without_hooks_zeros_do_not_stay(model):
    MagnitudePrune(epochs=0).run(model, Context())
    train(model, hooks_for(model, sparsity=False, clusters=False))

    assert (kernels(model)[0].read() != 0).all()


def test_clusters_stay_in_any_training(model):
    Cluster(clusters=6, epochs=0).run(model, Context())
    before = [w.read() for w in kernels(model)]

    train(model, hooks_for(model, sparsity=False, clusters=True))

    for old, weight in zip(before, kernels(model), strict=True):
        assert np.unique(weight.read()).size == 6
        pairs = set(zip(groups(old), groups(weight.read()), strict=True))
        assert len(pairs) == 6
        assert not np.array_equal(old, weight.read())


def test_zeros_and_clusters_stay_together(model):
    MagnitudePrune(epochs=0).run(model, Context())
    Cluster(clusters=6, epochs=0).run(model, Context())
    before = [w.read() for w in kernels(model)]

    train(model, hooks_for(model, sparsity=True, clusters=True))

    for old, weight in zip(before, kernels(model), strict=True):
        assert np.array_equal(weight.read() == 0, old == 0)
        assert np.unique(weight.read()).size == 6


def test_pruned_kernels_do_not_count_as_clustered(model):
    MagnitudePrune(epochs=0, sparsity=0.9).run(model, Context())

    assert preserved(model).clusters == {}
    assert sorted(preserved(model).masks) == ["one/kernel", "two/kernel"]


def test_clusters_with_a_factor_a_channel_stay_shared_within_the_channel(model):
    """What folding a batch norm into a clustered kernel leaves."""
    Cluster(clusters=2, epochs=0).run(model, Context())
    factors = np.random.default_rng(1).uniform(0.5, 2, 24).astype("float32")
    kernels(model)[0].write(kernels(model)[0].read() * factors)

    train(model, hooks_for(model, sparsity=False, clusters=True))

    trained = kernels(model)[0].read()
    assert all(np.unique(trained[:, channel]).size == 2 for channel in range(24))
