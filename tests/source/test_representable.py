"""What no exported file can hold is refused by one line that names it and says what to do."""

from __future__ import annotations

import pytest

from edgekit.errors import SourceError
from edgekit.source import load


def text_in(layers, keras):
    words = keras.Input((1,), dtype="string", name="words")
    return words, layers.StringLookup(vocabulary=["a", "b"])(words)


def text_lines_in(layers, keras):
    lines = keras.Input((1,), dtype="string", name="lines")
    return lines, layers.TextVectorization(vocabulary=["a"], output_sequence_length=3)(lines)


def integers_in(layers, keras):
    ids = keras.Input((3,), dtype="int64", name="ids")
    return ids, layers.IntegerLookup(vocabulary=[3, 5, 9], name="places")(ids)


def hashed(layers, keras):
    ids = keras.Input((3,), dtype="int64", name="ids")
    return ids, layers.Hashing(8, name="buckets")(ids)


def sparse(layers, keras):
    rows = keras.Input((3,), sparse=True, name="rows")
    return rows, layers.Dense(2)(rows)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (text_in, r"input 'words' takes string values, expected real numbers .* layers behind it"),
        (text_lines_in, r"input 'lines' takes string values"),
        (integers_in, r"layer 'places' \(IntegerLookup\) looks values up in a table"),
        (hashed, r"layer 'buckets' \(Hashing\) hashes texts"),
        (sparse, r"input 'rows' takes sparse tensors, expected dense .*sparse=False"),
    ],
)
def test_models_of_words_and_tables(tmp_path, build, said):
    import keras

    inputs, outputs = build(keras.layers, keras)
    model = keras.Model(inputs, outputs)
    with pytest.raises(SourceError, match=said):
        load(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(SourceError, match=said) as caught:
        load(tmp_path / "model.keras")
    assert "\n" not in str(caught.value)


def test_a_table_deep_inside():
    import keras

    ids = keras.Input((3,), dtype="int64")
    inner = keras.Sequential([ids, keras.layers.IntegerLookup(vocabulary=[3], name="deep")])
    with pytest.raises(SourceError, match="'deep'"):
        load(keras.Model(ids, keras.layers.Embedding(3, 2)(inner(ids))))


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_what_keras_has_quantized(mode):
    import keras

    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(4, name="d")])
    assert load(model).parameters == 68
    model.get_layer("d").quantize(mode)
    with pytest.raises(
        SourceError, match=rf"'d' \(Dense\) was quantized by Keras itself, to {mode}"
    ):
        load(model)
