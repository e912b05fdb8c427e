"""Models of unusual build become files that agree, in float and in int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit as ek
from edgekit.trace import signature

BUILDERS: list[Callable[[Any, Any], Any]] = []


def unusual(build: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    BUILDERS.append(build)
    return build


@unusual
def shared_within_nested_with_dicts(keras, layers):
    base = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu")], name="base")
    start = keras.Input((5,))
    inner = keras.Model(start, layers.Dense(3, activation="tanh")(start), name="inner")
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    x = layers.Concatenate()([inner(base(a)), inner(base(b))])
    return keras.Model({"first": a, "second": b}, {"out": layers.Dense(2)(x), "features": x})


@unusual
def lists_within_dicts(keras, layers):
    a, b, c = (keras.Input((3,), name=name) for name in "abc")
    h = layers.Dense(4, activation="relu")(layers.Add()([a, b, c]))
    outputs = {"one": layers.Dense(2)(h), "more": [layers.Dense(3)(h), layers.Dense(1)(h)]}
    return keras.Model([a, {"k": b, "l": c}], outputs)


@unusual
def subclassed_with_dicts(keras, layers):
    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.head = layers.Dense(8, activation="relu"), layers.Dense(2)

        def call(self, x):
            h = self.dense(x["p"]) + self.dense(x["q"])
            return {"sum": h, "head": self.head(h)}

    model = Both()
    model({"p": np.zeros((1, 5), "float32"), "q": np.zeros((1, 5), "float32")})
    return model


@unusual
def same_names_at_every_depth(keras, layers):
    def part(name):
        parts = [layers.Dense(5, activation="relu", name="d"), layers.LayerNormalization(name="n")]
        return keras.Sequential([keras.Input((5,)), *parts], name=name)

    x = keras.Input((5,), name="d_input")
    return keras.Model(x, layers.Dense(2, name="d")(part("one")(part("two")(x))))


@unusual
def an_input_called_as_a_layer(keras, layers):
    x = keras.Input((6,), name="dense")
    h = layers.Dense(4, activation="relu", name="dense_1")(x)
    return keras.Model({"dense_1": x}, {"dense": layers.Dense(2, name="out")(h)})


@unusual
def bfloat16_policy(keras, layers):
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, activation="relu", dtype="mixed_bfloat16")(x)
    h = layers.LayerNormalization(dtype="mixed_bfloat16")(h)
    return keras.Model(x, layers.Dense(3, dtype="mixed_bfloat16")(layers.Flatten()(h)))


@unusual
def integers_and_a_mask_into_an_lstm(keras, layers):
    x = keras.Input((5,), dtype="int32", name="ids")
    h = layers.Embedding(20, 8, mask_zero=True)(x)
    return keras.Model(x, layers.Dense(3)(layers.LSTM(4)(h)))


@unusual
def bytes_and_booleans(keras, layers):
    x, m = keras.Input((6,), dtype="uint8", name="x"), keras.Input((6,), dtype="bool", name="m")
    h = layers.Rescaling(1 / 127.5, -1)(x)
    return keras.Model([x, m], layers.Dense(2)(keras.ops.where(m, h, keras.ops.zeros_like(h))))


@unusual
def every_norm(keras, layers):
    x = keras.Input((8, 8, 8))
    h = layers.Conv2D(4, 3)(layers.GroupNormalization(4)(x))
    h = layers.UnitNormalization()(layers.LayerNormalization(axis=[1, 2, 3])(h))
    return keras.Model(x, layers.SpectralNormalization(layers.Dense(2))(layers.Flatten()(h)))


@unusual
def grouped_query_attention(keras, layers):
    x = keras.Input((6, 8))
    return keras.Model(x, layers.Dense(2)(layers.GroupQueryAttention(4, 4, 2)(x, x)))


@unusual
def channels_first(keras, layers):
    x = keras.Input((3, 8, 8))
    h = layers.Conv2D(4, 3, data_format="channels_first", activation="relu")(x)
    h = layers.MaxPooling2D(2, data_format="channels_first")(h)
    return keras.Model(x, layers.Dense(2)(layers.Flatten(data_format="channels_first")(h)))


@unusual
def resized_padded_and_cropped(keras, layers):
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(3, 3)(layers.UpSampling2D(2, interpolation="bilinear")(x))
    h = layers.ZeroPadding2D(((1, 0), (2, 1)))(layers.Resizing(7, 9)(h))
    return keras.Model(x, layers.Cropping2D(((0, 1), (1, 1)))(h))


@unusual
def one_dimensional_convolutions(keras, layers):
    x = keras.Input((12, 3))
    h = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    h = layers.SeparableConv1D(4, 3)(layers.DepthwiseConv1D(3, depth_multiplier=2)(h))
    return keras.Model(x, layers.Conv1DTranspose(2, 3, strides=2, padding="same")(h))


@unusual
def a_fixed_batch_and_augmentation(keras, layers):
    x = keras.Input(batch_shape=(4, 8, 8, 3))
    h = layers.GaussianNoise(0.1)(layers.RandomRotation(0.1)(layers.RandomFlip()(x)))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Conv2D(3, 3, groups=3)(h))))


@unusual
def low_rank_adapters(keras, layers):
    x, dense = keras.Input((16,)), layers.Dense(8, activation="relu")
    model = keras.Model(x, layers.Dense(4)(dense(x)))
    dense.enable_lora(2)
    return model


def filled(model: Any) -> Any:
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if str(weight.dtype) == "float32" and "seed" not in weight.path:
            weight.assign(rng.normal(size=weight.shape) / np.sqrt(max(1, weight.shape[0])))
    return model


def samples(model: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {}
    for spec in signature(model).specs:
        shape, kind = (40, *spec.shape[1:]), np.dtype(spec.dtype).kind
        whole = rng.integers(0, 2 if kind == "b" else 20, shape)
        found[spec.name] = (rng.uniform(-1, 1, shape) if kind == "f" else whole).astype(spec.dtype)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_it_becomes_files_that_agree(here: Path, build: Callable[[Any, Any], Any]) -> None:
    import keras

    keras.utils.clear_session()
    model = filled(build(keras, keras.layers))
    made = ek.convert(
        model, ["tflite-fp32", "tflite-int8"], calibration=samples(model),
        options=ek.Options(measure=False, estimator="min-max"),
    )  # fmt: skip
    assert [report.verdict for report in made.reports] == ["pass", "pass"]
    floats, integers = (report.parity_sqnr_db for report in made.reports)
    assert floats > 80
    assert integers > 15
