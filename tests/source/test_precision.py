"""Files of float64 and of half floats are read as float32; objects say how to get there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from edgekit.errors import SourceError
from edgekit.source import load


def model_of(dtype: str, inner: str):
    import keras

    rng = np.random.default_rng(0)
    x = keras.Input((8,), dtype=dtype, name="x")
    h = keras.layers.Dense(6, activation="relu", dtype=inner, name="d")(x)
    model = keras.Model(x, keras.layers.LayerNormalization(dtype=inner, name="n")(h))
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_files_are_read_as_float32(tmp_path, dtype, ending):
    model, path = model_of(dtype, dtype), tmp_path / f"m.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    loaded = load(path)
    assert {str(w.dtype) for w in loaded.model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in loaded.model.layers} == {"float32"}
    assert [t.dtype for t in loaded.model.inputs] == ["float32"]
    assert [(m.what, m.how) for m in loaded.mends if dtype in m.what] == [
        (f"dtype {dtype}, which no target has", "read as float32")
    ]
    x = np.random.default_rng(1).normal(size=(4, 8)).astype("float32")
    tolerance = {"float64": 1e-5, "float16": 2e-2, "bfloat16": 2e-1}[dtype]
    wanted = np.asarray(model(x)).astype("float32")
    np.testing.assert_allclose(np.asarray(loaded.model(x)), wanted, rtol=0, atol=tolerance)


def test_mixed_policies_stay(tmp_path):
    model_of("float32", "mixed_float16").save(tmp_path / "m.keras")
    loaded = load(tmp_path / "m.keras")
    assert loaded.model.get_layer("d").dtype_policy.name == "mixed_float16"
    assert loaded.mends == ()


@pytest.mark.parametrize(
    ("dtype", "inner", "said"),
    [
        ("float64", "float64", "input 'x' is float64"),
        ("float16", "float16", "input 'x' is float16"),
        ("float32", "float64", "layer 'd' is float64"),
    ],
)
def test_objects_say_how(dtype, inner, said):
    with pytest.raises(SourceError, match=rf"{said}, expected float32.* save the model as \.keras"):
        load(model_of(dtype, inner))
