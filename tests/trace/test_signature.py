from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.errors import OptionError, TraceError
from edgekit.trace import freeze, signature
from edgekit.trace.observe import Observer


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


def names(model: Any, shapes: Any = None) -> list[tuple[str, tuple[int, ...], str]]:
    return [(s.name, s.shape, s.dtype) for s in signature(model, shapes).specs]


def answer_of(trace: Any, *inputs: Any) -> np.ndarray:
    given = {spec.name: value for spec, value in zip(trace.inputs, inputs, strict=True)}
    (answer,) = Observer(trace, trace.output_tensors)(given).values()
    return answer


def test_a_sequential_model(keras: Any) -> None:
    model = keras.Sequential([keras.Input((4, 3), name="x"), keras.layers.Dense(2)])
    assert names(model) == [("x", (1, 4, 3), "float32")]
    assert signature(model).pack(["t"]) == "t"


def test_a_sequential_model_that_data_built(keras: Any) -> None:
    model = keras.Sequential([keras.layers.Dense(2)])
    model(np.zeros((5, 3), np.float32))
    ((_, shape, _),) = names(model)
    assert shape == (1, 3)
    assert freeze(model, signature(model)).outputs[0].shape == (1, 2)


def test_inputs_as_a_list_keep_their_order(keras: Any) -> None:
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a", dtype="int32")
    y = keras.layers.Concatenate()([b, keras.ops.cast(a, "float32")])
    model = keras.Model([b, a], y)
    assert names(model) == [("b", (1, 2), "float32"), ("a", (1, 3), "int32")]
    assert signature(model).pack([1, 2]) == [1, 2]


def test_inputs_as_a_dict_are_named_by_its_keys(keras: Any) -> None:
    one, two = keras.Input((2,), name="zeta"), keras.Input((3,), name="alpha")
    model = keras.Model({"zeta": one, "alpha": two}, keras.layers.Concatenate()([one, two]))
    assert {(name, shape) for name, shape, _ in names(model)} == {
        ("zeta", (1, 2)), ("alpha", (1, 3)),
    }  # fmt: skip
    found = signature(model)
    packed = found.pack([spec.name for spec in found.specs])
    assert packed == {"zeta": "zeta", "alpha": "alpha"}


def test_inputs_in_a_nested_structure(keras: Any) -> None:
    one, two, three = (keras.Input((2,), name=name) for name in ("one", "k", "j"))
    model = keras.Model([one, {"k": two, "j": three}], keras.layers.Add()([one, two, three]))
    found = signature(model)
    assert {spec.name for spec in found.specs} == {"one", "k", "j"}
    packed = found.pack([spec.name for spec in found.specs])
    assert packed == ["one", {"k": "k", "j": "j"}]
    assert len(freeze(model, found).inputs) == 3


def test_a_subclassed_model_that_was_called(keras: Any) -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    net = Net()
    with pytest.raises(TraceError, match="call it once on data before saving"):
        signature(net)
    assert names(net, {"x": (1, 7)}) == [("x", (1, 7), "float32")]
    net(np.zeros((5, 3), np.float32))
    assert names(net) == [("x", (1, 3), "float32")]


def test_a_subclassed_model_of_a_dict(keras: Any) -> None:
    class Net(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs["left"] + 2.0 * inputs["right"]

    net = Net()
    net({"left": np.zeros((1, 3), np.float32), "right": np.zeros((1, 3), np.float32)})
    found = signature(net)
    assert {spec.name for spec in found.specs} == {"left", "right"}
    trace = freeze(net, found)
    given = {"left": np.ones((1, 3)), "right": np.full((1, 3), 3.0)}
    answer = answer_of(trace, *(given[spec.name] for spec in trace.inputs))
    assert answer.tolist() == [[7.0, 7.0, 7.0]]


def test_a_subclassed_model_of_several_arguments_is_one_error(keras: Any) -> None:
    class Net(keras.Model):
        def call(self, left: Any, right: Any) -> Any:
            return left + 2.0 * right

    net = Net()
    net(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32))
    with pytest.raises(TraceError, match="cannot be traced") as caught:
        freeze(net, signature(net))
    assert "\n" not in str(caught.value)


def test_the_batch_that_a_model_was_first_called_with_is_forgotten(keras: Any) -> None:
    model = keras.Sequential([keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((16, 3)), np.zeros((16, 2)), batch_size=8, verbose=0)
    assert [shape for _, shape, _ in names(model)] == [(1, 3)]
    fixed = keras.Input(batch_shape=(4, 3), name="x")
    assert names(keras.Model(fixed, keras.layers.Dense(2)(fixed))) == [("x", (1, 3), "float32")]


def test_the_batch_of_a_stateful_model_stays(keras: Any) -> None:
    x = keras.Input(batch_shape=(4, 5, 3), name="x")
    model = keras.Model(x, keras.layers.LSTM(2, stateful=True)(x))
    assert names(model) == [("x", (4, 5, 3), "float32")]


@pytest.fixture
def open_model(keras: Any) -> Any:
    """Return a model with two unknown dimensions."""
    x = keras.Input((None, None, 3), name="image")
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(x))


def test_an_unknown_dimension_is_named(open_model: Any) -> None:
    with pytest.raises(OptionError) as caught:
        signature(open_model)
    assert "input 'image' has an unknown dimension: 1,?,?,3" in str(caught.value)
    assert "--input-shape image=1,224,224,3" in str(caught.value)


def test_an_unknown_dimension_is_given(open_model: Any) -> None:
    assert names(open_model, {"image": (2, 8, 9, 3)}) == [("image", (2, 8, 9, 3), "float32")]


@pytest.mark.parametrize("shape", [(1, 8, 8, 4), (1, 8, 8), ()])
def test_a_shape_that_contradicts_the_model(open_model: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="contradicts the model"):
        signature(open_model, {"image": shape})


def test_an_input_that_is_not_there(open_model: Any) -> None:
    with pytest.raises(OptionError, match=r"no input 'imgae'.*image"):
        signature(open_model, {"imgae": (1, 8, 8, 3)})


def test_another_batch(keras: Any) -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    wide = signature(keras.Model([a, b], keras.layers.Concatenate()([a, b]))).with_batch(16)
    assert [spec.shape for spec in wide.specs] == [(16, 2), (16, 3)]
