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
    return [np.asarray(known[id(t)]) for t in graph.model.outputs]


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
        np.testing.assert_allclose(np.asarray(mine) / scale, wanted / scale, atol=1e-5)
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
    max_examples=12,
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
