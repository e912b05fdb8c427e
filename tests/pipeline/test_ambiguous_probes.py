"""Ranges find their tensors where a single sample cannot tell two of them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit


def _rarely_negative() -> Any:
    import keras

    keras.utils.set_random_seed(7)
    x = keras.Input((6,), name="x")
    y = keras.layers.Dense(8, kernel_initializer="identity", name="wide")(x)
    y = keras.layers.ReLU()(y)
    return keras.Model(x, keras.layers.Dense(3)(y))


def test_a_rectifier_that_the_first_sample_passes_unchanged_keeps_its_range(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    x = rng.normal(0, 4, (200, 6)).astype(np.float32)
    x[0] = np.abs(x[0])
    done = edgekit.convert(
        _rarely_negative(), "onnx-int8", calibration={"x": x}, out=tmp_path,
        options=edgekit.Options(measure=False), cache=False,
    )  # fmt: skip
    assert done.reports[0].parity_sqnr_db > 30


def test_recurrent_outputs_of_every_step_are_quantized(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(7)
    x = keras.Input((5, 4), name="x")
    y = keras.layers.TimeDistributed(keras.layers.Dense(6, activation="relu"))(x)
    model = keras.Model(x, keras.layers.GRU(4, return_sequences=True)(y))
    data = np.random.default_rng(0).normal(size=(100, 5, 4)).astype(np.float32)
    done = edgekit.convert(
        model, "tflite-int8", calibration={"x": data}, out=tmp_path,
        options=edgekit.Options(measure=False), cache=False,
    )  # fmt: skip
    assert done.reports[0].parity_sqnr_db > 20
