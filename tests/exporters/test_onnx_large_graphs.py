"""TensorFlow's optimizer does not see the large constants of large graphs, on the way to ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.exporters import onnx as exporter
from edgekit.exporters import onnx_conversion
from edgekit.trace import freeze, lifted, signature

onnxruntime = pytest.importorskip("onnxruntime")


def convolutions(keras: Any) -> Any:
    x = keras.Input((12, 12, 8), name="x")
    h = keras.layers.Conv2D(32, 3, padding="same", dilation_rate=2)(x)
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.SeparableConv2D(24, 3, activation="relu")(h)
    h = keras.layers.Conv2DTranspose(16, 3, strides=2)(h)
    return keras.Model(x, keras.layers.Dense(5)(keras.layers.GlobalMaxPooling2D()(h)))


def attention(keras: Any) -> Any:
    x = keras.Input((10, 32), name="x")
    h = keras.layers.LayerNormalization()(keras.layers.MultiHeadAttention(4, 8)(x, x))
    return keras.Model(x, keras.layers.LSTM(16)(h))


@pytest.mark.parametrize("build", [convolutions, attention])
def test_such_graphs_give_the_same(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    model = build(keras)
    trace = freeze(model, signature(model), unrolled=True)
    monkeypatch.setattr(onnx_conversion, "LARGE_GRAPH_BYTES", 0)
    monkeypatch.setattr(lifted, "FED_BYTES", 1024)
    assert len(lifted.lift(trace.graph_def())) >= 3
    made = exporter.export(trace)
    x = np.random.default_rng(0).normal(size=trace.inputs[0].shape).astype(np.float32)
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_allclose(session.run(None, {"x": x})[0], model(x), rtol=1e-4, atol=1e-5)
