"""Channels that stay make up for those that leave."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.calibrate.sources import open_samples
from edgekit.passes import Context
from edgekit.passes.channel_prune import ChannelPrune
from edgekit.passes.channels.refit import refit, solved
from edgekit.passes.channels.wiring import wired
from edgekit.passes.graph import Graph, flat
from edgekit.trace import signature

keras = pytest.importorskip("keras")
layers = keras.layers


def context(model: object, x: np.ndarray) -> Context:
    specs = signature(model, {}).specs
    return Context(samples=open_samples(x, specs, count=len(x), seed=0, options=None))


def pictures(count: int = 48) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 8, 8, 3)).astype(np.float32)


def twice(weights: np.ndarray) -> np.ndarray:
    """Return filters of which the second half are sums of the first, and smaller than these."""
    half = weights.shape[-1] // 2
    sums = weights[..., :half] + 0.5 * np.roll(weights[..., :half], 1, axis=-1)
    weights[..., half:] = 0.3 * sums
    return weights


def redundant(reader: object) -> object:
    """Return a model whose 16 channels hold what 8 of them hold; a layer behind reads them all."""
    keras.utils.set_random_seed(1)
    first = layers.Conv2D(16, 3, padding="same", use_bias=False, name="first")
    inputs = keras.Input((8, 8, 3), name="x")
    x = reader(first(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="y")(x))
    first.kernel.assign(twice(first.kernel.numpy().copy()))
    return model


@pytest.mark.parametrize(
    "reader",
    [
        layers.Conv2D(5, 3, padding="same", strides=2, activation="tanh", name="reader"),
        layers.Conv2D(5, 1, use_bias=False, name="reader"),
        layers.Conv2DTranspose(5, 2, strides=2, padding="same", name="reader"),
        layers.Dense(5, name="reader"),
    ],
    ids=["strided", "pointwise without bias", "transposed", "dense"],
)
def test_what_the_channels_left_can_tell_is_not_lost(reader) -> None:
    fresh = type(reader).from_config(reader.get_config())
    model = redundant(fresh)
    x = pictures()
    wanted = model.predict(x, verbose=0)
    options = {"macs": 0.6, "multiple_of": 8, "skip": ("reader",)}
    fitted = ChannelPrune(**options).run(flat(model), context(model, x)).model
    cut = ChannelPrune(**options, refit=False).run(flat(model), Context()).model
    assert fitted.get_layer("first").filters == 8
    lost, kept = (np.abs(m.predict(x, verbose=0) - wanted).max() for m in (cut, fitted))
    assert kept < 0.02 * np.abs(wanted).max()
    assert kept < 0.1 * lost


def test_later_layers_are_fitted_to_what_earlier_ones_became() -> None:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((8, 8, 3), name="x")
    x = inputs
    for number in range(3):
        x = layers.Conv2D(16, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
    outputs = layers.Dense(4, name="y")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    x, other = pictures(64), pictures(80)[64:]
    wanted = model.predict(other, verbose=0)
    fitted = ChannelPrune(macs=0.4).run(flat(model), context(model, x)).model
    cut = ChannelPrune(macs=0.4, refit=False).run(flat(model), Context()).model
    lost, kept = (np.mean((m.predict(other, verbose=0) - wanted) ** 2) for m in (cut, fitted))
    assert kept < 0.5 * lost


def test_layers_without_a_cut_shared_or_grouped_ones_are_left_alone() -> None:
    keras.utils.set_random_seed(3)
    shared = layers.Conv2D(16, 1, name="shared")
    inputs = keras.Input((8, 8, 16), name="x")
    x = layers.DepthwiseConv2D(3, padding="same", name="deep")(shared(shared(inputs)))
    model = flat(keras.Model(inputs, layers.Dense(2, name="y")(x)))
    graph = Graph(model)
    wiring = wired(graph)
    before = [w.copy() for w in model.get_weights()]
    samples = context(model, np.zeros((4, 8, 8, 16), np.float32)).samples
    assert refit(graph, wiring, wiring.everything(), samples, seed=0) == []
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_stay_where_inputs_do_not_tell() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(50, 4)) * [1, 1, 1, 0]
    before = rng.normal(size=(4, 3))
    wanted = inputs @ (2 * before)
    found = solved(inputs, wanted, before)
    np.testing.assert_allclose(found[:3], 2 * before[:3], rtol=5e-3)
    np.testing.assert_allclose(found[3], before[3], rtol=1e-6)
