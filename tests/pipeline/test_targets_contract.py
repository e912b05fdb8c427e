"""Every shipped target keeps its promises and agrees with the model, for models of many kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import catalog
from edgekit.pipeline.convert import run
from edgekit.pipeline.options import Options
from edgekit.target import Target

# The least SQNR in dB of (weights, activations), on held-back samples of a small model.
LEAST = {
    ("float32", "float32"): 90.0,
    ("float16", "float32"): 45.0,
    ("float16", "float16"): 40.0,
    ("int8", "float32"): 30.0,
    ("int8", "dynamic"): 28.0,
    ("int8", "int16"): 28.0,
    ("int8", "int8"): 20.0,
    ("int4", "dynamic"): 10.0,
}
# What a target's runtime has no kernel for, of (model, target): the promise that is broken then.
LACKING = {("attention", "micro-int8"): "TensorFlow Lite Micro has no kernel for SELECT ("}
TARGETS = [Target.load(name) for name in catalog.names("targets")]


def _picture() -> Any:
    import keras

    x = keras.Input((12, 12, 3), name="picture")
    y = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.SeparableConv2D(8, 3, strides=2, activation="hard_swish")(y)
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(y)
    y = keras.layers.Multiply()([y, keras.layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    y = keras.layers.Conv2D(8, 3, groups=2, activation="relu6")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(4, activation="softmax", name="scores")(y))


def _recurrent() -> Any:
    import keras

    x = keras.Input((10, 6), name="frames")
    y = keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True))(x)
    y = keras.layers.GRU(8)(y)
    return keras.Model(x, keras.layers.Dense(4, name="scores")(y))


def _attention() -> Any:
    import keras

    x = keras.Input((8,), dtype="int32", name="tokens")
    y = keras.layers.Embedding(20, 8)(x)
    y = keras.layers.LayerNormalization()(y + keras.layers.MultiHeadAttention(2, 4)(y, y))
    y = keras.layers.Dense(8)(keras.layers.Dense(16, activation="gelu")(y))
    y = keras.layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, keras.layers.Dense(3, name="scores")(y))


def _many_ends() -> Any:
    import keras

    left, right = keras.Input((6,), name="left"), keras.Input((16, 4), name="right")
    y = keras.layers.Conv1D(8, 3, dilation_rate=2, activation="relu")(right)
    y = keras.layers.Flatten()(keras.layers.MaxPooling1D()(y))
    y = keras.layers.Concatenate()([y, keras.layers.Dense(6, activation="tanh")(left)])
    ends = {"kind": keras.layers.Dense(3)(y), "size": keras.layers.Dense(2)(y)}
    return keras.Model({"left": left, "right": right}, ends)


KINDS: dict[str, Callable[[], Any]] = {
    "picture": _picture,
    "recurrent": _recurrent,
    "attention": _attention,
    "many-ends": _many_ends,
}


def _samples(model: Any, count: int = 120) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    found = {}
    for tensor in model.inputs:
        shape = (count, *tensor.shape[1:])
        whole = str(tensor.dtype).startswith("int")
        found[tensor.name] = (
            rng.integers(0, 20, shape).astype("int32")
            if whole
            else rng.normal(size=shape).astype("float32")
        )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["tflite", "openvino", "onnx"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_target_keeps_its_promises_and_agrees(kind, file_format, tmp_path, monkeypatch):
    import keras

    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(1)
    model = KINDS[kind]()
    targets = tuple(target for target in TARGETS if target.format == file_format)
    options = Options(calibration=_samples(model), measure=False, estimator="min-max")
    done = run(model, targets, tmp_path / "out", options)
    assert not done.failures, "\n".join(f"{f.target}: {f.error}" for f in done.failures)
    for report in done.reports:
        name, numbers = report.target.name, report.target.quantization
        lacking = LACKING.get((kind, name))
        assert len(report.broken_promises) == (lacking is not None), name
        assert all(line.startswith(lacking) for line in report.broken_promises), name
        assert report.parity_sqnr_db >= LEAST[numbers.weights, numbers.activations], name
        assert {spec.name for spec in report.artifact.inputs} == {t.name for t in model.inputs}


def test_every_kind_of_numbers_of_a_shipped_target_has_a_bound():
    pairs = {(t.quantization.weights, t.quantization.activations) for t in TARGETS}
    assert pairs <= set(LEAST)


def test_a_target_of_ones_own_may_have_ends_of_uint8(bench, tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[2] / "targets" / "tflite-int8.toml").read_text()
    own = shipped.replace('io = "int8"', 'io = "uint8"').replace(
        'name = "tflite-int8"', 'name = "u8"'
    )
    (tmp_path / "u8.toml").write_text(own)
    done = edgekit.convert(
        bench.model, [str(tmp_path / "u8.toml"), "tflite-int8"], out=tmp_path / "out", cache=False,
        calibration=bench.data, options=edgekit.Options(measure=False, html=False),
    )  # fmt: skip
    unsigned, signed = done.reports
    assert not unsigned.broken_promises
    assert {spec.dtype for spec in (*unsigned.audit.inputs, *unsigned.audit.outputs)} == {"uint8"}
    assert unsigned.parity_sqnr_db == pytest.approx(signed.parity_sqnr_db, abs=1.0)
