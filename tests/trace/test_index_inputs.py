"""Inputs that only embeddings read hold indices, whatever dtype Keras gave them."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253

from edgekit.trace import freeze, signature


def _dtypes(model: Any) -> dict[str, str]:
    return {spec.name: spec.dtype for spec in signature(model).specs}


def test_a_float_input_of_an_embedding_is_one_of_integers() -> None:
    layers = keras.layers
    words, image = keras.Input((7,), name="words"), keras.Input((4,), name="image")
    both = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 3)(words)), image])
    assert _dtypes(keras.Model([words, image], both)) == {"words": "int32", "image": "float32"}


def test_an_input_that_others_read_too_stays_as_it_is() -> None:
    layers = keras.layers
    words = keras.Input((7,), name="words")
    table = layers.Flatten()(layers.Embedding(9, 3)(words))
    both = layers.Concatenate()([table, layers.Dense(2)(words)])
    assert _dtypes(keras.Model(words, both)) == {"words": "float32"}


def test_an_input_that_is_reshaped_for_its_embedding_is_one_of_integers() -> None:
    layers = keras.layers
    words = keras.Input((6,), name="words")
    table = layers.Embedding(9, 3)(layers.Reshape((3, 2))(words))
    model = keras.Model(words, table)
    assert _dtypes(model) == {"words": "int32"}
    kinds = {node.attr["T"].type for node in _nodes(model, "Reshape")}
    assert kinds == {3}  # DT_INT32: no float in between


def test_an_input_that_is_reshaped_for_others_too_stays_as_it_is() -> None:
    layers = keras.layers
    words = keras.Input((6,), name="words")
    moved = layers.Reshape((3, 2))(words)
    both = [layers.Embedding(9, 3)(moved), layers.Dense(2)(moved)]
    assert _dtypes(keras.Model(words, both)) == {"words": "float32"}


def _nodes(model: Any, kind: str) -> list[Any]:
    trace = freeze(model, signature(model))
    return [node for node in trace.graph_def().node if node.op == kind]
