"""Activations are told from what operators declare; TensorFlow's own graph says the same."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.trace import Trace, freeze, signature
from edgekit.trace.observe import activations


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


def _parts(keras: Any) -> Any:
    x = keras.Input((8, 4), name="x")
    left, right = keras.ops.split(x, 2, axis=-1)
    best, places = keras.ops.top_k(left, 1)
    return keras.Model(x, [best * right, keras.ops.cast(places, "float32")])


def _loop(keras: Any) -> Any:
    x = keras.Input((30, 4), name="x")
    return keras.Model(x, keras.layers.GRU(3)(keras.layers.LSTM(5, return_sequences=True)(x)))


def _two_inputs(keras: Any) -> Any:
    x, y = keras.Input((4,), name="x"), keras.Input((1,), dtype="int32", name="y")
    found = keras.layers.Flatten()(keras.layers.Embedding(5, 4)(y))
    return keras.Model([x, y], keras.layers.Dense(2)(x + found))


@pytest.mark.parametrize("build", [_parts, _loop, _two_inputs])
@pytest.mark.parametrize("unrolled", [False, True])
def test_they_are_those_of_the_imported_graph(keras: Any, build: Any, unrolled: bool) -> None:
    model = build(keras)
    trace = freeze(model, signature(model), unrolled=unrolled)
    found = activations(trace)
    assert found == _by_import(trace)
    assert len(found) >= 4


def _by_import(trace: Trace) -> tuple[str, ...]:
    import tensorflow as tf

    reached, found = set(trace.input_tensors), []
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(trace.graph_def(), name="")
        for operation in graph.get_operations():
            if reached & {tensor.name for tensor in operation.inputs}:
                reached |= {tensor.name for tensor in operation.outputs}
            found += [
                tensor.name
                for tensor in operation.outputs
                if tensor.name in reached and tensor.dtype == tf.float32
            ]
    return tuple(found)
