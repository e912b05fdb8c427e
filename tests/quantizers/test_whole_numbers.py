"""Indices that come as floats stay whole in int8 files, or the file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgekit as ek
from edgekit.errors import QuantizeError
from edgekit.quantizers.indices import whole_step

Build = Callable[[Any, int], Any]


@given(st.floats(-300, 300), st.floats(0, 500))
def test_whole_numbers_fall_on_steps(low: float, span: float) -> None:
    start, end = whole_step(low, low + span)
    if (start, end) == (low, low + span):
        assert span > 250
        return
    step = np.float32((end - start) / 255)
    point = int(np.rint(-128 - start / step))
    whole = np.arange(np.ceil(low), np.floor(low + span) + 1)
    stored = np.rint(whole / step) + point
    assert stored.min(initial=0) >= -128
    assert stored.max(initial=0) <= 127
    real = (stored - point).astype(np.float32) * step
    np.testing.assert_array_equal(np.trunc(real + np.sign(real) * 1e-4), whole)


def _multi_hot(layers: Any, count: int) -> Any:
    return layers.CategoryEncoding(num_tokens=count, output_mode="multi_hot")


def _counted(layers: Any, count: int) -> Any:
    return layers.CategoryEncoding(num_tokens=count, output_mode="count")


def _one_hot(layers: Any, count: int) -> Any:
    import keras

    return lambda x: keras.ops.one_hot(keras.ops.cast(x, "int32"), count)


def _looked_up(layers: Any, count: int) -> Any:
    import keras

    table = np.random.default_rng(1).normal(size=(count, 6)).astype(np.float32)
    return lambda x: keras.ops.take(
        keras.ops.convert_to_tensor(table), keras.ops.cast(x, "int32"), axis=0
    )


def _reshaped(layers: Any, count: int) -> Any:
    embedding = layers.Embedding(count, 6)
    return lambda x: embedding(layers.Reshape((2, 2))(x))


BUILDS: list[Build] = [_multi_hot, _counted, _one_hot, _looked_up, _reshaped]


def _model(build: Build, count: int, dtype: str = "float32") -> Any:
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), dtype=dtype, name="x")
    y = layers.Dense(3)(layers.Flatten()(build(layers, count)(x)))
    model = keras.Model(x, y)
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    return model


def _convert(model: Any, data: np.ndarray, out: Path, target: str = "tflite-int8") -> Any:
    options = ek.Options(measure=False, estimator="min-max")
    made = ek.convert(model, [target], calibration={"x": data}, options=options, out=out)
    return made.reports[0]


def _indices(count: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (64, 4)).astype(dtype)


@pytest.mark.parametrize("count", [10, 180])
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_indices_as_floats_survive_int8(build: Build, count: int, tmp_path: Path) -> None:
    report = _convert(_model(build, count), _indices(count), tmp_path)
    assert report.verdict == "pass"
    assert report.parity_sqnr_db > 15


@pytest.mark.parametrize("build", [_one_hot, _multi_hot])
def test_one_hot_vectors_of_integers_are_int8(build: Build, tmp_path: Path) -> None:
    report = _convert(_model(build, 300, "int32"), _indices(300, "int32"), tmp_path)
    assert report.verdict == "pass"
    assert report.parity_sqnr_db > 15


@pytest.mark.parametrize("build", [_one_hot, _looked_up])
def test_indices_that_int8_cannot_hold_are_refused(build: Build, tmp_path: Path) -> None:
    with pytest.raises(QuantizeError, match="every candidate has collapsed"):
        _convert(_model(build, 2000), _indices(2000), tmp_path)
    assert not list(tmp_path.rglob("*.tflite"))


def test_a_column_of_indices_among_real_ones(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    x = keras.Input((5,), name="x")
    parts = [layers.Flatten()(layers.Embedding(10, 5)(x[:, 0])), x[:, 1:]]
    model = keras.Model(x, layers.Dense(3)(layers.Concatenate()(parts)))
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    rng = np.random.default_rng(0)
    data = np.concatenate([rng.integers(0, 10, (64, 1)), rng.normal(size=(64, 4))], 1)
    assert _convert(model, data.astype(np.float32), tmp_path).parity_sqnr_db > 15


@pytest.mark.parametrize("target", ["tflite-int8", "openvino-int8"])
def test_discretization_reads_int8(target: str, tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    x = keras.Input((4,), name="x")
    bins = layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0])(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(layers.Embedding(4, 6)(bins))))
    data = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    report = _convert(model, data, tmp_path, target)
    assert report.verdict == "pass"
