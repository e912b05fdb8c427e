"""Models of every kind that an exporter must write, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Make = Callable[[], Any]


def _keras() -> Any:
    import keras

    return keras


def sequential() -> Any:
    keras = _keras()
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((12, 12, 3), name="picture"), layers.Conv2D(4, 3, activation="relu"),
         layers.BatchNormalization(), layers.DepthwiseConv2D(3, padding="same"),
         layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax", name="scores")],
    )  # fmt: skip


def sequential_without_names() -> Any:
    keras = _keras()
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dense(2)])


def functional() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((8, 8, 2), name="x")
    a = layers.Conv2D(4, 3, padding="same", activation="relu6")(x)
    b = layers.Conv2D(4, 1, activation="swish")(x)
    y = layers.Flatten()(layers.Add()([a, b]))
    return keras.Model(x, layers.Dense(3, name="y")(y))


def subclassed() -> Any:
    keras = _keras()

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(8, activation="tanh")
            self.second = keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    net = Net()
    net(np.zeros((1, 6), np.float32))
    return net


def nested() -> Any:
    keras = _keras()
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="gelu"), layers.Dense(4)]
    )
    x = keras.Input((8,), name="x")
    return keras.Model(x, layers.Dense(2, name="y")(inner(x)))


def shared_layers() -> Any:
    keras = _keras()
    dense = keras.layers.Dense(4, activation="relu")
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    return keras.Model([a, b], keras.layers.Concatenate(name="both")([dense(a), dense(b)]))


def many_inputs_as_dict() -> Any:
    keras = _keras()
    wide, narrow = keras.Input((3,), name="zeta"), keras.Input((5,), name="alpha")
    y = keras.layers.Concatenate()([keras.layers.Dense(3)(narrow), wide])
    # Neither sorted nor in the order of use.
    return keras.Model({"zeta": wide, "alpha": narrow}, keras.layers.Dense(2, name="y")(y))


def many_outputs_as_list() -> Any:
    keras = _keras()
    x = keras.Input((6,), name="x")
    z = keras.layers.Dense(3, name="zz", activation="softmax")(x)
    a = keras.layers.Dense(3, name="aa", activation="sigmoid")(x)
    return keras.Model(x, [z, a])


def many_outputs_as_dict() -> Any:
    keras = _keras()
    x = keras.Input((6,), name="x")
    z, a = keras.layers.Dense(3)(x), keras.layers.Dense(3, activation="elu")(x)
    return keras.Model(x, {"zeta": z, "alpha": a})


def lstm() -> Any:
    return _recurrent("LSTM")


def gru() -> Any:
    return _recurrent("GRU")


def bidirectional() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((7, 3), name="x")
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    return keras.Model(x, layers.Dense(2, name="y")(y))


def _recurrent(kind: str) -> Any:
    keras = _keras()
    x = keras.Input((7, 3), name="x")
    y = getattr(keras.layers, kind)(5)(x)
    return keras.Model(x, keras.layers.Dense(2, name="y")(y))


def attention() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((6, 8), name="x")
    y = layers.MultiHeadAttention(2, 4)(x, x)
    return keras.Model(x, layers.LayerNormalization(name="y")(layers.Add()([x, y])))


def embedding() -> Any:
    keras = _keras()
    x = keras.Input((5,), dtype="int32", name="tokens")
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(11, 4)(x))
    return keras.Model(x, keras.layers.Dense(2, name="y")(y))


def conv1d() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((20, 3), name="x")
    y = layers.Conv1D(4, 3, strides=2, activation="relu")(x)
    y = layers.MaxPooling1D(2)(layers.SeparableConv1D(4, 3, padding="same")(y))
    return keras.Model(x, layers.Dense(2, name="y")(layers.Flatten()(y)))


def transposed() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((6, 6, 2), name="x")
    y = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    return keras.Model(x, layers.UpSampling2D(2, interpolation="bilinear", name="y")(y))


def dilated() -> Any:
    keras = _keras()
    x = keras.Input((12, 12, 2), name="x")
    y = keras.layers.Conv2D(3, 3, dilation_rate=2, activation="relu")(x)
    return keras.Model(x, keras.layers.Conv2D(2, 3, dilation_rate=(3, 3), name="y")(y))


def mixed_float16() -> Any:
    keras = _keras()
    policy = keras.DTypePolicy("mixed_float16")
    layers = keras.layers
    x = keras.Input((8, 8, 2), name="x")
    y = layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
    y = layers.BatchNormalization(dtype=policy)(y)
    y = layers.Flatten(dtype=policy)(y)
    return keras.Model(x, layers.Dense(3, name="y", dtype="float32")(y))


def normalized() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((4, 4, 3), name="x")
    y = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])(x)
    y = layers.Rescaling(0.5, offset=-1.0)(y)
    return keras.Model(x, layers.Conv2D(2, 3, name="y")(y))


def padded_pool() -> Any:
    keras = _keras()
    layers = keras.layers
    x = keras.Input((9, 9, 2), name="x")
    y = layers.Conv2D(3, 3, bias_initializer=keras.initializers.Constant(-9.0))(x)
    y = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(y))
    return keras.Model(x, layers.Conv2D(2, 1, name="y")(y))


def same_tensor_twice() -> Any:
    keras = _keras()
    x = keras.Input((6,), name="x")
    y = keras.layers.Dense(3, name="y")(x)
    return keras.Model(x, [y, y])


def input_passed_through() -> Any:
    keras = _keras()
    x = keras.Input((6,), name="x")
    return keras.Model(x, [keras.layers.Dense(3, name="y")(x), x])


def output_named_like_input() -> Any:
    keras = _keras()
    x = keras.Input((6,), name="data")
    return keras.Model({"data": x}, {"data": keras.layers.Dense(3)(x)})


KINDS: dict[str, Make] = {
    make.__name__: make
    for make in (
        sequential, sequential_without_names, functional, subclassed, nested, shared_layers,
        many_inputs_as_dict, many_outputs_as_list, many_outputs_as_dict, lstm, gru, bidirectional,
        attention, embedding, conv1d, transposed, dilated, mixed_float16, normalized, padded_pool,
        same_tensor_twice, input_passed_through, output_named_like_input,
    )
}  # fmt: skip


@functools.cache
def _made(kind: str) -> Any:
    """Return the model of a kind with weights that matter everywhere, the same in each process."""
    model = KINDS[kind]()
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if str(variable.dtype) == "float32" and "seed" not in variable.path:
            noise = rng.normal(0, 0.3, variable.shape)
            positive = "variance" in variable.path
            value = variable.numpy() + noise
            variable.assign(np.abs(value) + 0.5 if positive else value)
    return model


@pytest.fixture(scope="session")
def made() -> Callable[[str], Any]:
    """Return the function that makes the model of a kind, each once."""
    return _made


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param
