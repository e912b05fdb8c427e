"""Models that Keras 2 itself wrote, in its three formats, give the same numbers in Keras 3."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from edgekit.errors import SourceError
from edgekit.source import load

tk = pytest.importorskip("tf_keras")
FORMATS = (".h5", ".keras", "_saved")


def recurrent():
    i = tk.Input((6, 4))
    x = tk.layers.Bidirectional(tk.layers.LSTM(3, return_sequences=True))(i)
    x = tk.layers.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid")(x)
    return tk.Model(i, tk.layers.Dense(2, name="head")(x))


def nested_shared():
    base = tk.Sequential(
        [
            tk.layers.Conv2D(3, 3, input_shape=(8, 8, 3)),
            tk.layers.DepthwiseConv2D(3),
            tk.layers.BatchNormalization(),
        ],
        name="base/of",
    )
    a, b = tk.Input((8, 8, 3), name="a"), tk.Input((8, 8, 3), name="b")
    return tk.Model([a, b], tk.layers.Concatenate()([base(a), base(b)]))


def same_shapes_in_odd_order():
    i = tk.Input((5,))
    parts = [tk.layers.Dense(5, name=name)(i) for name in "zyxab"]
    out = parts[0]
    for part in parts[1:]:
        out = tk.layers.Dense(5)(tk.layers.Concatenate()([out, part]))
    return tk.Model(i, out)


def half_frozen():
    i = tk.Input((4,))
    x = tk.layers.Dense(4)(i)
    x = tk.layers.BatchNormalization()(x)
    inner = tk.Model(i, tk.layers.Dense(4)(x), name="inner")
    inner.layers[1].trainable = False
    o = tk.Input((4,))
    return tk.Model(o, tk.layers.Dense(2)(inner(o)))


def distributed():
    k = tk.Input((6, 6, 1))
    inner = tk.Model(k, tk.layers.Flatten()(tk.layers.Conv2D(2, 3)(k)))
    i = tk.Input((4, 6, 6, 1))
    return tk.Model(i, tk.layers.LSTM(3)(tk.layers.TimeDistributed(inner)(i)))


def functions():
    import tensorflow as tf

    i = tk.Input((8, 8, 4))
    x = i * tf.sigmoid(tf.reduce_mean(i, [1, 2], keepdims=True)) - 0.5
    x = tf.transpose(1.0 / (tf.abs(x) + 1.0), [0, 2, 1, 3])
    x = tf.image.resize(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), (6, 6))
    a, b = tf.split(x, 2, axis=-1)
    x = tf.reshape(tf.nn.relu6(tf.maximum(a, b)) ** 2, [tf.shape(x)[0], 72])
    return tk.Model(i, tf.concat([tf.nn.softmax(x), x[:, 1:5]], -1))


def attention():
    i = tk.Input((5, 8))
    x = tk.layers.LayerNormalization()(i + tk.layers.MultiHeadAttention(2, 4)(i, i))
    return tk.Model(i, tk.layers.GlobalAveragePooling1D()(x))


BUILDERS = (
    recurrent, nested_shared, same_shapes_in_odd_order, half_frozen, distributed, functions,
    attention,
)  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("builder", BUILDERS, ids=lambda b: b.__name__)
def test_same_numbers(tmp_path, builder, ending):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    model = builder()
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 0.9, weight.shape) - (0.4 if len(weight.shape) > 1 else 0))
    path = tmp_path / f"model{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    loaded = load(path)
    arrays = [rng.normal(size=[2, *t.shape[1:]]).astype("float32") for t in model.inputs]
    given = arrays if len(arrays) > 1 else arrays[0]
    wanted = tf.nest.flatten(model(given, training=False))
    got = tf.nest.flatten(loaded.model(given, training=False))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert [t.name for t in loaded.model.inputs] == [t.name.split(":")[0] for t in model.inputs]


def test_hard_sigmoid_keeps_its_old_meaning(tmp_path):
    model = tk.Sequential([tk.layers.Activation("hard_sigmoid", input_shape=(3,), name="hs")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "m.h5")
    loaded = load(tmp_path / "m.h5")
    np.testing.assert_allclose(
        loaded.model(np.array([[1.0, -1.0, 2.6]])), [[0.7, 0.3, 1.0]], atol=1e-6
    )
    assert [m.where for m in loaded.mends] == ["hs"]
    again = tmp_path / "again.keras"
    loaded.model.save(again)
    np.testing.assert_allclose(load(again).model(np.array([[1.0, 0, 0]]))[0, 0], 0.7, atol=1e-6)


def test_a_weight_that_is_missing_is_an_error(tmp_path):
    import h5py

    path = tmp_path / "m.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tk.Sequential([tk.layers.Dense(2, input_shape=(3,), name="d")]).save(path)
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["layer_names"] = np.array([], "S1")
    with pytest.raises(SourceError, match="'d'"):
        load(path)


def test_a_value_that_changes_the_layer_is_an_error(tmp_path):
    import h5py

    path = tmp_path / "m.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tk.Sequential([tk.layers.LSTM(2, input_shape=(3, 4), name="rnn")]).save(path)
    with h5py.File(path, "a") as file:
        text = file.attrs["model_config"].replace('"time_major": false', '"time_major": true')
        file.attrs["model_config"] = text
    with pytest.raises(SourceError, match=r"'rnn'.*time_major"):
        load(path)
