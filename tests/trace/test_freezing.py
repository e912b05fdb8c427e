from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekit.errors import TraceError
from edgekit.trace import Trace, freeze, signature
from edgekit.trace.match import match, same_layout
from edgekit.trace.observe import Observer, activations
from edgekit.trace.outputs import different


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def small(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((6, 6, 2), name="x")
    y = layers.Conv2D(3, 3, activation="relu", name="conv")(x)
    return keras.Model(x, layers.Dense(2, name="y")(layers.Flatten()(y)))


def traced(model: Any, **shapes: Any) -> Trace:
    return freeze(model, signature(model, shapes or None))


def test_a_trace_answers_like_the_model_and_holds_no_variables(small: Any) -> None:
    trace = traced(small)
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype(np.float32)
    (answer,) = Observer(trace, trace.output_tensors)({"x": x}).values()
    np.testing.assert_allclose(answer, small(x), atol=1e-6)
    assert not [node.op for node in trace.graph_def().node if "Variable" in node.op]


def test_a_trace_is_saved_and_restored(small: Any, tmp_path: Path) -> None:
    trace = traced(small)
    trace.save(tmp_path)
    found = Trace.restore(tmp_path)
    for field in ("graph", "inputs", "outputs", "input_tensors", "output_tensors"):
        assert getattr(found, field) == getattr(trace, field)


def test_the_same_model_gives_the_same_graph(small: Any) -> None:
    assert traced(small).graph == traced(small).graph


def test_custom_gradients_do_not_number_the_graph(keras: Any) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, activation="swish")(x))
    assert traced(model).graph == traced(model).graph


def test_mixed_precision_is_traced_in_float32_and_put_back(keras: Any) -> None:
    policy = keras.DTypePolicy("mixed_float16")
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, dtype=policy, activation="relu"),
         keras.layers.Dense(2, dtype=policy)]
    )  # fmt: skip
    before = [(layer.dtype_policy.name, layer.compute_dtype) for layer in model.layers]
    weights = [weight.copy() for weight in model.get_weights()]
    x = np.ones((1, 4), np.float32)
    half = np.asarray(model(x))
    trace = traced(model)
    assert [spec.dtype for spec in trace.outputs] == ["float32"]
    assert "DT_HALF" not in str(trace.graph_def())
    assert [(layer.dtype_policy.name, layer.compute_dtype) for layer in model.layers] == before
    assert all(np.array_equal(*pair) for pair in zip(weights, model.get_weights(), strict=True))
    np.testing.assert_array_equal(np.asarray(model(x)), half)


def test_a_model_that_cannot_be_traced_says_why_and_stays_as_it_was(keras: Any) -> None:
    class Fails(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            raise ValueError("no such luck\nand a second line")

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((4,), name="x")
    policy = keras.DTypePolicy("mixed_float16")
    dense = keras.layers.Dense(4, dtype=policy)
    keras.Model(x, dense(x))

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.dense, self.fails = dense, Fails()

        def call(self, x: Any) -> Any:
            return self.fails(self.dense(x))

    with pytest.raises(TraceError, match=r"'net' cannot be traced at x=\(1, 4\)") as caught:
        freeze(Net(), signature(Net(), {"x": (1, 4)}))
    assert "\n" not in str(caught.value)
    assert dense.compute_dtype == "float16"


@given(st.lists(st.sampled_from(["y", "y_1", "y_2", "x", "z"]), max_size=8))
def test_names_become_different_and_free_ones_stay(names: list[str]) -> None:
    found = different(names, {"x"})
    assert len({*found, "x"}) == len(found) + 1
    for at, name in enumerate(names):
        if name != "x" and names.index(name) == at:
            assert found[at] == name


def test_every_activation_is_observed(small: Any) -> None:
    trace = traced(small)
    names = activations(trace)
    assert names[0] == trace.input_tensors[0]
    assert set(trace.output_tensors) <= set(names)
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype(np.float32)
    found = Observer(trace, names)({"x": x})
    assert set(found) == set(names)
    np.testing.assert_array_equal(found[names[0]], x)
    relu = [value for name, value in found.items() if "Relu" in name]
    assert relu
    assert relu[0].shape == (1, 4, 4, 3)
    assert relu[0].min() >= 0


VALUES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(2, 4)),
    elements=st.floats(-100, 100, width=32),
)


@given(VALUES, st.permutations([0, 1, 2]))
def test_a_tensor_is_found_again_in_any_layout(value: np.ndarray, order: list[int]) -> None:
    reference = {"other": np.arange(value.size, dtype=np.float32) + 1e6, "own": value}
    moved = np.ascontiguousarray(value.transpose(order))
    expected = {} if value.min() == value.max() else {"t": "own"}
    assert match({"t": moved}, reference) == expected


@given(VALUES)
def test_of_several_tensors_with_the_same_numbers_the_same_layout_wins(value: np.ndarray) -> None:
    turned = np.ascontiguousarray(value.transpose(2, 1, 0))
    found = match({"t": value}, {"turned": turned, "same": value})
    if value.min() == value.max():
        assert found == {}
    elif same_layout(value, turned):
        assert found["t"] in ("turned", "same")
    else:
        assert found == {"t": "same"}


@pytest.mark.parametrize("value", [[np.nan, 1.0], [np.inf, 1.0], [], [2.0, 2.0]])
def test_what_proves_nothing_matches_nothing(value: list[float]) -> None:
    array = np.array(value, np.float32)
    assert match({"t": array}, {"t": array}) == {}
    assert match({"t": np.array([1.0, 3.0])}, {"t": array}) == {}


@given(VALUES, st.floats(1.01, 3))
def test_scaled_numbers_do_not_match(value: np.ndarray, factor: float) -> None:
    largest = float(np.abs(value).max())
    if value.min() < value.max() and largest > 1e-3:
        assert match({"t": value * np.float32(factor)}, {"own": value}) == {}
