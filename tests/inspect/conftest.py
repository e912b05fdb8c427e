"""Small files in each format, whose graphs are known to the last figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from branches import HOSTILE, onnx_model

from edgekit.devices import known_model


@pytest.fixture(scope="session")
def tflite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tflite") / "known.tflite"
    path.write_bytes(known_model.content())
    return path


@pytest.fixture(scope="session")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    onnx = pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("onnx") / "branches.onnx"
    onnx.save(onnx_model(), path)
    return path


@pytest.fixture(scope="session")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    onnx = pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("onnx") / "hostile.onnx"
    onnx.save(onnx_model(HOSTILE), path)
    return path


@pytest.fixture(scope="session")
def openvino_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ov = pytest.importorskip("openvino")
    from openvino import opset13 as op

    x = op.parameter([1, 4], np.float32, name="x")
    low, high = op.constant(np.float32(-1.0)), op.constant(np.float32(1.55))
    quantized = op.fake_quantize(x, low, high, low, high, 256)
    stored = op.constant(np.arange(-6, 6, dtype=np.int8).reshape(4, 3))
    scales = op.constant(np.array([[0.5, 1.0, 2.0]], np.float32))
    weights = op.multiply(op.convert(stored, np.float32), scales)
    model = ov.Model([op.matmul(quantized, weights, False, False, name="head")], [x], "m")
    path = tmp_path_factory.mktemp("openvino") / "small.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return path
