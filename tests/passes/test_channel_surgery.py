"""Removing channels is the same as reading zeros in their place, on graphs drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgekit.passes.channels.surgery import removed
from edgekit.passes.channels.wiring import Wiring, wired
from edgekit.passes.graph import Graph, flat

keras = pytest.importorskip("keras")
layers = keras.layers


def shaken(model: Any, seed: int, *, homogeneous: bool = False) -> Any:
    """Give every variable random values; ``homogeneous`` norms and biases keep zeros zero."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers(include_self=False):
        for variable in layer.weights:
            shape = variable.shape
            values = rng.normal(0, 1 / np.sqrt(max(1, np.prod(shape[:-1]))), shape)
            if "variance" in variable.path:
                values = 0.5 + rng.random(shape)
            elif homogeneous and any(n in variable.path for n in ("mean", "beta", "bias")):
                values = np.zeros(shape)
            variable.assign(values.astype("float32"))
    return model


def some(wiring: Wiring, seed: int, most: float = 1.0) -> Any:
    """Choose what stays: of each group at least one class."""
    rng, keep = np.random.default_rng(seed), wiring.everything()
    for group in wiring.groups:
        count = int(rng.integers(0, max(1, int(most * len(group.classes)))))
        keep[rng.permutation(group.classes)[:count]] = False
    return keep


def masked(graph: Graph, wiring: Wiring, keep: Any, inputs: Any, *, makers: bool) -> list[Any]:
    """Run a model in which removed channels are zero: everywhere, or only where they are made."""
    known = {id(t): x for t, x in zip(graph.model.inputs, inputs, strict=True)}
    for node in graph.nodes:
        args, kwargs = keras.tree.map_structure(
            lambda value: known.get(id(value), value), (node.args, dict(node.kwargs))
        )
        results = keras.tree.flatten(node.layer(*args, **kwargs))
        for tensor, result in zip(node.outputs, results, strict=True):
            mask = wiring.mask(wiring.tensors[id(tensor)], keep)
            if makers and node.layer.name not in wiring.makers:
                mask = np.ones_like(mask)
            known[id(tensor)] = result * mask.astype("float32")
    return [keras.ops.convert_to_numpy(known[id(t)]) for t in graph.model.outputs]


def check(model: Any, seed: int, *, homogeneous: bool = False, most: float = 1.0) -> Wiring:
    """Remove channels, compare with zeros, and return the wiring."""
    model = flat(shaken(model, seed, homogeneous=homogeneous))
    graph = Graph(model)
    wiring = wired(graph)
    keep = some(wiring, seed, most)
    rng = np.random.default_rng(seed)
    inputs = [
        rng.normal(size=(2, *(d or 5 for d in t.shape[1:]))).astype("float32")
        if t.dtype.startswith("float")
        else rng.integers(0, 9, (2, *(d or 5 for d in t.shape[1:])))
        for t in model.inputs
    ]
    smaller = removed(graph, wiring, keep)
    got = keras.tree.flatten(smaller(inputs if len(inputs) > 1 else inputs[0]))
    for mine, wanted in zip(
        got, masked(graph, wiring, keep, inputs, makers=homogeneous), strict=True
    ):
        scale = max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine) / scale, wanted / scale, atol=1e-5
        )
    if wiring.groups and not keep.all():
        assert smaller.count_params() < model.count_params()
    assert [t.shape for t in smaller.outputs] == [t.shape for t in model.outputs]
    assert {layer.name for layer in smaller.layers} == {layer.name for layer in model.layers}
    return wiring


# fmt: off
MOVES = (
    "conv", "depthwise", "separable", "grouped", "transposed", "norm", "prelu", "relu", "swish",
    "tanh", "pool", "up", "pad", "relu6", "drop", "add", "subtract", "multiply", "maximum",
    "average", "concat", "gate", "shared", "dense1x1",
)
# fmt: on


class Drawing:
    """Builds a model from a list of moves on tensors of 8x8 places."""

    def __init__(self, rng: Any, *, homogeneous: bool) -> None:
        self.rng, self.homogeneous = rng, homogeneous
        self.input = keras.Input((8, 8, 3))
        self.tensors = [layers.Conv2D(6, 3, padding="same")(self.input)]
        self.twice = layers.Conv2D(5, 3, padding="same", activation="relu")

    def any(self) -> Any:
        return self.tensors[self.rng.integers(max(0, len(self.tensors) - 3), len(self.tensors))]

    def partner(self, x: Any) -> Any:
        fit = [t for t in self.tensors if t.shape == x.shape and t is not x]
        return fit[self.rng.integers(len(fit))] if fit else layers.Conv2D(x.shape[-1], 1)(x)

    def move(self, name: str) -> None:
        x = self.any()
        made = getattr(self, name, None) or self.simple(name)
        self.tensors.append(made(x))

    def simple(self, name: str) -> Any:
        width = int(self.rng.integers(2, 9))
        return {
            "conv": layers.Conv2D(width, 3, padding="same"),
            "depthwise": layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1 + width % 2),
            "separable": layers.SeparableConv2D(width, 3, padding="same", depth_multiplier=2),
            "transposed": layers.Conv2DTranspose(width, 3, padding="same"),
            "norm": layers.BatchNormalization(),
            "prelu": layers.PReLU(shared_axes=[1, 2]),
            "relu": layers.ReLU(6.0),
            "swish": layers.Activation("swish"),
            "tanh": layers.Activation("tanh" if self.homogeneous else "sigmoid"),
            "pool": layers.MaxPooling2D(3, 1, padding="same"),
            "up": lambda x: layers.AveragePooling2D(2)(layers.UpSampling2D(2)(x)),
            "pad": lambda x: layers.Cropping2D(1)(layers.ZeroPadding2D(1)(x)),
            "relu6": keras.ops.relu6,
            "drop": layers.Dropout(0.5),
            "dense1x1": layers.Dense(width),
        }[name]

    def grouped(self, x: Any) -> Any:
        x = layers.Conv2D(6, 1)(x)
        return layers.Conv2D(int(self.rng.choice([6, 12])), 3, padding="same",
                             groups=int(self.rng.choice([2, 3, 6])))(x)  # fmt: skip

    def add(self, x: Any) -> Any:
        return layers.Add()([x, self.partner(x)])

    def subtract(self, x: Any) -> Any:
        return x - self.partner(x)

    def multiply(self, x: Any) -> Any:
        return x * self.partner(x) * 0.5

    def maximum(self, x: Any) -> Any:
        return layers.Maximum()([x, self.partner(x)])

    def average(self, x: Any) -> Any:
        return layers.Average()([x, self.partner(x)])

    def concat(self, x: Any) -> Any:
        return layers.Concatenate()([x, self.any(), x][: int(self.rng.integers(2, 4))])

    def gate(self, x: Any) -> Any:
        """Squeeze and excite."""
        y = layers.GlobalAveragePooling2D()(x)
        y = layers.Reshape((1, 1, -1))(y) if self.rng.random() < 0.5 else layers.Reshape(
            (1, 1, x.shape[-1]))(y)  # fmt: skip
        y = layers.Conv2D(3, 1, activation="relu")(y)
        return layers.Multiply()([x, layers.Conv2D(x.shape[-1], 1, activation="tanh")(y)])

    def shared(self, x: Any) -> Any:
        return self.twice(layers.Conv2D(4, 1)(x))

    def model(self, moves: list[str]) -> Any:
        for name in moves:
            self.move(name)
        last = self.tensors[-1]
        ends = [layers.Dense(4)(layers.Flatten()(last))]
        if self.rng.random() < 0.5:
            ends.append(layers.Dense(2)(layers.GlobalMaxPooling2D()(self.any())))
        return keras.Model(self.input, ends)


DRAWN = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@DRAWN
@given(st.lists(st.sampled_from(MOVES), min_size=3, max_size=10), st.integers(0, 10_000))
def test_a_pruned_model_is_one_whose_channels_read_as_zeros(moves, seed):
    check(Drawing(np.random.default_rng(seed), homogeneous=False).model(moves), seed)


@DRAWN
@given(st.lists(st.sampled_from(MOVES), min_size=3, max_size=10), st.integers(0, 10_000))
def test_zeros_where_channels_are_made_are_enough(moves, seed):
    """Where zeros stay zeros, nobody has to know which channels hang together."""
    check(
        Drawing(np.random.default_rng(seed), homogeneous=True).model(moves), seed, homogeneous=True
    )


def image(*shape: int) -> Any:
    return keras.Input(shape)


def conv1d() -> Any:
    x = inputs = image(20, 3)
    x = layers.Conv1D(8, 3, padding="causal", activation="relu")(x)
    x = layers.Conv1DTranspose(6, 3, strides=2)(x)
    x = layers.DepthwiseConv1D(3, depth_multiplier=2)(x)
    x = layers.SeparableConv1D(8, 3)(x)
    x = layers.MaxPooling1D(2)(layers.ZeroPadding1D(1)(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def conv3d() -> Any:
    x = inputs = image(6, 6, 6, 2)
    x = layers.Conv3D(5, 3, activation="gelu")(x)
    x = layers.Conv3DTranspose(4, 2)(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling3D()(x)))


def lstm() -> Any:
    x = inputs = image(12, 4)
    x = layers.Conv1D(8, 3, activation="relu")(x)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    x = layers.Dense(6)(layers.Dropout(0.1)(x))
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.SimpleRNN(3)(layers.TimeDistributed(layers.Dense(7, activation="relu"))(x))
    return keras.Model(inputs, layers.Dense(2)(layers.Dense(6)(x)))


def frames() -> Any:
    x = inputs = image(4, 8, 8, 2)
    x = layers.TimeDistributed(layers.Conv2D(6, 3, activation="relu"))(x)
    x = layers.TimeDistributed(layers.BatchNormalization())(x)
    x = layers.TimeDistributed(layers.MaxPooling2D(2))(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    return keras.Model(inputs, layers.GRU(3)(layers.TimeDistributed(layers.Dense(8))(x)))


def attention() -> Any:
    tokens = keras.Input((9,), dtype="int32")
    x = layers.Embedding(9, 8)(tokens)
    y = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.Add()([x, y])
    y = layers.Dense(16, activation="gelu")(x)
    x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(8)(y)]))
    return keras.Model(tokens, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def words() -> Any:
    tokens = keras.Input((9,), dtype="int32")
    x = layers.Conv1D(6, 3)(layers.Embedding(9, 8)(tokens))
    return keras.Model(tokens, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def generator() -> Any:
    x = inputs = image(5)
    x = layers.Reshape((4, 4, 6))(layers.Dense(96, activation="relu")(x))
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(3, 3, activation="tanh")(x))


def two_towers() -> Any:
    left, right = keras.Input((10,), name="left"), keras.Input((8, 8, 3), name="right")
    x = layers.Dense(6, activation="relu")(left)
    y = layers.Conv2D(6, 3, padding="same", activation="relu")(right)
    z = layers.Multiply()([y, layers.Reshape((1, 1, 6))(x)])
    z = layers.Concatenate()([layers.GlobalMaxPooling2D()(z), x])
    z = keras.ops.mean(keras.ops.reshape(z, (-1, 1, 12)), axis=1)
    return keras.Model({"left": left, "right": right}, {"a": layers.Dense(2)(z), "b": x})


def mixed_operations() -> Any:
    x = inputs = image(8, 8, 3)
    x = layers.Conv2D(6, 3)(x)
    x = keras.ops.silu(x)[:, 1:, :, :] * 2.0 + 1.0
    y = keras.ops.mean(x, axis=(1, 2), keepdims=True)
    x = keras.ops.maximum(x, y)
    x = keras.ops.concatenate([x, x - y], axis=-1)
    x = keras.ops.transpose(x, (0, 2, 1, 3))
    x = layers.Conv2D(4, 1)(x)
    z = layers.Conv2D(1, 1, activation="sigmoid")(x)
    return keras.Model(inputs, layers.Dense(2)(keras.ops.sum(x * z, axis=(1, 2))))


def siamese() -> Any:
    left, right = image(6), image(6)
    first, second = layers.Dense(8, activation="relu"), layers.Dense(7)
    norm = layers.BatchNormalization()
    x, y = (second(norm(first(t))) for t in (left, right))
    return keras.Model([left, right], layers.Dense(1)(layers.Subtract()([x, y])))


TABLE = [conv1d, conv3d, lstm, frames, attention, words, generator, mixed_operations, siamese]


@pytest.mark.parametrize("make", TABLE, ids=lambda make: make.__name__)
def test_every_kind_of_layer_is_followed(make):
    keras.utils.set_random_seed(0)
    wiring = check(make(), 1)
    assert wiring.groups


def test_inputs_and_outputs_by_name_keep_their_structure():
    keras.utils.set_random_seed(0)
    model = flat(two_towers())
    graph = Graph(model)
    wiring = wired(graph)
    smaller = removed(graph, wiring, some(wiring, 3))
    inputs = {"left": np.ones((2, 10), "float32"), "right": np.ones((2, 8, 8, 3), "float32")}
    result = smaller(inputs)
    assert {name: tuple(value.shape) for name, value in result.items()} == {
        "a": (2, 2),
        "b": (2, 6),
    }
    assert wiring.groups == ()  # b is an output, and holds on to all else


def test_normalizing_over_channels_follows_them():
    """Statistics over fewer channels are others, so only shapes and saving are looked at."""
    x = inputs = image(8, 8, 3)
    x = layers.LayerNormalization()(layers.Conv2D(8, 3)(x))
    x = layers.GroupNormalization(2)(layers.Conv2D(8, 3)(x))
    x = layers.GroupNormalization(-1)(layers.Conv2D(6, 3)(x))
    model = flat(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    graph = Graph(model)
    wiring = wired(graph)
    keep = wiring.everything()
    for group in wiring.groups:
        keep[group.classes[: len(group.classes) // 2]] = False
    smaller = removed(graph, wiring, keep)
    shapes = [layer.output.shape[-1] for layer in smaller.layers]
    assert shapes == [3, 4, 4, 4, 4, 3, 3, 12, 2]
    copy = keras.Model.from_config(smaller.get_config())
    assert [w.shape for w in copy.weights] == [w.shape for w in smaller.weights]
