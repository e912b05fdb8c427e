"""Where a simulation rounds, and that spreading a model out changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.passes.base import Context
from edgekit.passes.graph import Graph, flat
from edgekit.passes.listed import layers_of
from edgekit.passes.simulate.plan import Plan, gate_range, plan
from edgekit.passes.simulate.spread import norms_as_convolutions, spread
from edgekit.passes.simulate.told import told


def _planned(model: Any, **options: Any) -> Plan:
    return plan(Graph(spread(flat(model))), levels={}, default_levels=127, **options)


def _functional(build: Any, shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    import keras

    x = keras.Input(shape, name="x")
    return keras.Model(x, build(x))


def test_what_is_concatenated_has_one_range_with_the_result() -> None:
    import keras

    layers = keras.layers

    def build(x: Any) -> Any:
        one = layers.Conv2D(2, 1, activation="relu", name="one")(x)
        other = layers.MaxPooling2D(1, name="pool")(layers.Conv2D(2, 1, name="two")(x))
        return layers.Concatenate(name="both")([one, other])

    groups = _planned(_functional(build)).groups
    assert len({groups[name] for name in ("one", "two", "pool", "both")}) == 1
    assert groups["x"] != groups["both"]


def test_nothing_is_rounded_between_a_convolution_and_its_rectifier() -> None:
    import keras

    layers = keras.layers

    def build(x: Any) -> Any:
        x = layers.BatchNormalization(name="norm")(layers.Conv2D(2, 1, name="conv")(x))
        x = layers.ReLU(6.0, name="relu")(x)
        return layers.Conv2D(2, 1, activation="swish", name="swish")(x)

    planned = _planned(_functional(build))
    assert {"relu", "swish_linear", "swish"} <= planned.rounds
    assert not {"conv", "norm"} & planned.rounds


def test_softmax_has_its_fixed_range_and_shares_it_with_nobody() -> None:
    import keras

    layers = keras.layers

    def build(x: Any) -> Any:
        soft = layers.Dense(4, activation="softmax", name="soft")(layers.Flatten()(x))
        plain = layers.Dense(4, name="plain")(layers.Flatten()(x))
        return layers.Concatenate(name="both")([soft, plain])

    planned = _planned(_functional(build))
    assert planned.fixed[planned.groups["soft"]] == (0.0, 255 / 256)
    assert planned.groups["soft"] != planned.groups["both"] == planned.groups["plain"]
    assert "both" in planned.rounds


def test_the_last_softmax_of_other_formats_stays_in_float() -> None:
    import keras

    def build(x: Any) -> Any:
        x = keras.layers.Flatten()(x)
        return keras.layers.Dense(4, activation="softmax", name="end")(x)

    model = _functional(build)
    assert {"end", "end_linear"} <= _planned(model).rounds
    assert "end" not in _planned(model, kind="onnx").rounds
    assert not {"end", "end_linear"} & _planned(model, kind="openvino").rounds


def _excited(x: Any) -> Any:
    import keras

    layers = keras.layers
    x = layers.Activation("silu", name="act")(layers.Conv2D(4, 1, name="conv")(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    return layers.Conv2D(2, 1, name="end")(layers.AveragePooling2D(2, name="pool")(x))


def test_onnx_runtime_rounds_only_around_products() -> None:
    planned = _planned(_functional(_excited), kind="onnx")
    assert planned.rounds == {"x", "conv", "mean", "gate_linear", "pool", "end"}
    assert planned.loose == {"act", "gate", "gated"}


def test_activations_of_openvino_read_what_was_not_rounded() -> None:
    planned = _planned(_functional(_excited), kind="openvino")
    assert planned.loose == {"conv", "gate_linear", "end"}
    assert {"x", "act", "mean", "gate", "gated"} <= planned.rounds


@pytest.mark.parametrize(("wide", "limits"), [(False, (0.0, 255 / 256)), (True, None)])
def test_tflite_rounds_the_sigmoid_inside_silu(wide: bool, limits: tuple[float, float]) -> None:
    graph = Graph(spread(flat(_functional(_excited))))
    nodes = {node.name: node for node in graph.nodes}
    found = {
        name: gate_range(_planned(graph.model), node, name, wide=wide)
        for name, node in nodes.items()
    }
    assert [name for name, given in found.items() if given is not None] == ["act"]
    assert found["act"] == (limits or (-32767 / 32768, 32767 / 32768))
    for kind in ("onnx", "openvino"):
        other = _planned(graph.model, kind=kind)
        assert gate_range(other, nodes["act"], "act", wide=wide) is None


def test_what_is_left_is_listed_with_its_reason() -> None:
    import keras

    def build(x: Any) -> Any:
        return keras.layers.Dense(2, name="head")(keras.layers.LSTM(4, name="memory")(x))

    treated = {t.layer: t for t in _planned(_functional(build, (5, 3)), skip=("head",)).treatments}
    assert "recurrent" in str(treated["memory"].skipped)
    assert "skip" in str(treated["head"].skipped)


def test_spreading_keeps_function_and_names_of_outputs() -> None:
    import keras

    layers = keras.layers

    def build(x: Any) -> Any:
        x = layers.SeparableConv2D(6, 3, strides=2, activation="gelu", name="apart")(x)
        x = layers.Conv2DTranspose(4, 2, activation="tanh", name="up")(x)
        x = layers.BatchNormalization(name="norm")(x)
        return layers.Dense(3, activation="softmax", name="end")(layers.Flatten()(x))

    model = flat(_functional(build))
    for layer in model.layers:
        if "norm" in layer.name:
            layer.moving_mean.assign(np.arange(4.0) / 4)
            layer.moving_variance.assign(np.arange(1.0, 5.0))
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)
    before = np.asarray(model(x))
    after = norms_as_convolutions(spread(model))
    np.testing.assert_allclose(np.asarray(after(x)), before, rtol=1e-5, atol=1e-6)
    assert after.output_names == model.output_names
    kinds = [node.kind for node in Graph(after).nodes]
    assert "SeparableConv2D" not in kinds
    assert "BatchNormalization" not in kinds


def test_patterns_name_layers_as_the_user_knows_them() -> None:
    import keras

    from edgekit.passes.qat import Qat
    from edgekit.passes.simulate import training

    layers = keras.layers

    def build(x: Any) -> Any:
        x = layers.SeparableConv2D(4, 3, activation="swish", name="apart")(x)
        x = layers.Conv2D(4, 1, activation="relu", name="conv")(x)
        return layers.Dense(2, activation="softmax", name="end")(layers.Flatten(name="flat")(x))

    model = flat(_functional(build))
    plain = spread(model)
    options = training._with_parts(
        Qat(skip=("apart",), layer_bits={"conv": 4, "*": 8}), model, plain
    )
    planned = training._plan(plain, options, Context())
    assert {n: w.levels for n, w in planned.weights.items()} == {
        "conv_linear": 7,
        "end_linear": 127,
    }

    said = {t.layer: t for t in told(layers_of(model), planned)}
    assert list(said) == ["apart", "conv", "end", "flat"]
    assert "skip" in str(said["apart"].skipped)
    assert said["conv"].done == "weights on 15 steps"
    assert "moves" in str(said["flat"].skipped)
