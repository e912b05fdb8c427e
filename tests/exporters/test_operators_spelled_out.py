"""Layers that formats lack operators for become others that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.accuracy import sqnr_db
from edgekit.exporters import onnx as onnx_exporter
from edgekit.exporters import openvino as openvino_exporter
from edgekit.exporters import tflite as tflite_exporter
from edgekit.exporters.tflite_kernels import spread_kernel
from edgekit.formats import openvino as openvino_files
from edgekit.trace import freeze, signature

BUILDS: list[Callable[[Any, Any], Any]] = [
    lambda layers, x: layers.Conv2DTranspose(4, 3, dilation_rate=2, padding="same")(x),
    lambda layers, x: layers.Conv2DTranspose(2, (3, 2), dilation_rate=(2, 3))(x),
    lambda layers, x: layers.Conv1DTranspose(4, 3, dilation_rate=2)(layers.Reshape((56, 3))(x)),
    lambda layers, x: layers.UpSampling2D(2, interpolation="bicubic")(x),
    lambda layers, x: layers.Resizing(13, 5, interpolation="bicubic")(x),
    lambda layers, x: layers.Resizing(5, 11, interpolation="lanczos5")(x),
    lambda layers, x: layers.Discretization([-1.0, 0.0, 1.0], output_mode="one_hot")(
        layers.Flatten()(x)
    ),
]


@pytest.mark.parametrize("build", BUILDS)
def test_it_answers_like_keras_in_every_format(build: Any, tmp_path: Path) -> None:
    import keras
    import onnx

    x = keras.Input((7, 8, 3), name="x")
    model = keras.Model(x, build(keras.layers, x))
    trace = freeze(model, signature(model))
    (tmp_path / "model.tflite").write_bytes(tflite_exporter.export(trace))
    onnx.save(onnx_exporter.export(trace), str(tmp_path / "model.onnx"))
    openvino_files.save(openvino_exporter.export(trace), tmp_path / "model.xml")
    data = np.random.default_rng(0).normal(size=(1, 7, 8, 3)).astype(np.float32)
    wanted = np.asarray(model(data), np.float32)
    for suffix in ("tflite", "onnx", "xml"):
        artifact = runtimes.describe(tmp_path / f"model.{suffix}")
        (found,) = runtimes.open_runner(artifact).run({"x": data}).values()
        assert sqnr_db(wanted, found) > 90, suffix


def test_a_spread_kernel_has_zeros_in_between() -> None:
    spread = spread_kernel(np.ones((2, 3, 1, 1), np.float32), 2, 3)
    assert spread.shape == (3, 7, 1, 1)
    assert spread[::2, ::3].all()
    assert spread.sum() == 6
