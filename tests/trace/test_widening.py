"""A trace at another batch, without running Keras again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.trace import freeze, signature
from edgekit.trace.observe import Observer, activations, few_samples
from edgekit.trace.widen import widen


def _model(*layers: Any, shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape, name="x"), *layers])


def _convolutional() -> Any:
    import keras

    return _model(
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.DepthwiseConv2D(3, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="softmax"),
    )


def test_a_widened_trace_computes_each_sample_as_the_narrow_one_does() -> None:
    model = _convolutional()
    narrow = freeze(model, signature(model))
    wide = widen(narrow, 4)
    assert wide is not None
    assert wide.inputs[0].shape == (4, 8, 8, 3)
    assert wide.outputs[0].shape == (4, 5)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    together = Observer(wide, wide.output_tensors)({"x": x})
    for place, sample in enumerate(x):
        alone = Observer(narrow, narrow.output_tensors)({"x": sample[None]})
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][place], value[0], rtol=1e-4, atol=1e-6)


def test_a_widened_trace_shows_the_same_activations_for_few_samples() -> None:
    model = _convolutional()
    narrow = freeze(model, signature(model))
    wide = widen(narrow, 4)
    assert wide is not None
    names = activations(narrow)
    assert activations(wide) == names
    x = np.random.default_rng(1).normal(size=(1, 8, 8, 3)).astype(np.float32)
    few, many = (few_samples(trace, names, {"x": x}) for trace in (narrow, wide))
    assert few.keys() == many.keys()
    for name, value in few.items():
        assert value.shape == many[name].shape
        np.testing.assert_allclose(value, many[name], rtol=1e-3, atol=1e-5)


def _batch_in_a_constant() -> Any:
    import keras

    class Fixed(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return keras.ops.reshape(x, (x.shape[0] or -1, 192))

    return _model(Fixed(), keras.layers.Dense(2))


def _mixing_samples() -> Any:
    import keras

    class Centred(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x - keras.ops.mean(x, axis=0, keepdims=True)

    return _model(Centred(), keras.layers.Flatten(), keras.layers.Dense(2))


def _looping() -> Any:
    import keras

    return _model(keras.layers.LSTM(3), shape=(300, 2))


def _dilated() -> Any:
    import keras

    return _model(keras.layers.DepthwiseConv2D(3, dilation_rate=2, padding="same"))


@pytest.mark.parametrize("build", [_dilated, _batch_in_a_constant, _mixing_samples, _looping])
def test_a_graph_that_knows_its_batch_has_to_be_traced_anew(build: Any) -> None:
    model = build()
    assert widen(freeze(model, signature(model)), 4) is None


def test_only_a_batch_of_one_is_widened() -> None:
    model = _convolutional()
    assert widen(freeze(model, signature(model).with_batch(2)), 4) is None
    assert widen(freeze(model, signature(model).with_batch(None)), 4) is None
