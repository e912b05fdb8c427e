"""Architectures of keras.applications, with random weights, become float and int8 files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.pipeline.convert import run
from edgekit.pipeline.options import Options
from edgekit.target import Target

FLOAT = ("tflite-fp32", "openvino-fp32", "onnx-fp32")
INT8 = ("tflite-int8", "onnx-int8")


def _build(name: str) -> Any:
    import keras
    from keras.src.applications import convnext

    if name == "ConvNeXt":  # the family's own building blocks, shrunk to one pixel at the end
        return convnext.ConvNeXt(
            depths=[1, 1, 1, 1], projection_dims=[8, 16, 24, 32], weights=None, classes=5,
            input_shape=(32, 32, 3), name="small_convnext",
        )  # fmt: skip
    options: dict[str, Any] = {"MobileNetV2": {"alpha": 0.35}}.get(name, {})
    make = getattr(keras.applications, name)
    return make(weights=None, classes=5, input_shape=(64, 64, 3), **options)


def _warm(model: Any, pictures: np.ndarray) -> None:
    """Give batch norms the statistics of the pictures, and the classes a real spread."""
    import keras

    norms = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    model(pictures, training=True)
    top = model.layers[-1]
    if not isinstance(top, keras.layers.Dense):
        return
    features = np.asarray(keras.Model(model.input, top.input)(pictures))
    kernel = np.asarray(top.kernel)
    top.kernel.assign(kernel * (2.0 / float((features @ kernel).std())))


def _pictures(model: Any, count: int) -> np.ndarray:
    import keras

    own = (keras.layers.Rescaling, keras.layers.Normalization)
    rng = np.random.default_rng(5)
    coarse = rng.uniform(-1, 1, (count, 4, 4, 3))
    size = model.input_shape[1] // 4
    smooth = np.clip(coarse.repeat(size, 1).repeat(size, 2), -1, 1).astype(np.float32)
    scaled = any(isinstance(layer, own) for layer in model.layers)
    return (smooth + 1) * 127.5 if scaled else smooth


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ConvNeXt"])
def test_an_architecture_converts_to_every_format(name, tmp_path, monkeypatch):
    import keras

    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(3)
    model = _build(name)
    _warm(model, _pictures(model, 32))
    targets = tuple(Target.load(target) for target in FLOAT + INT8)
    options = Options(calibration=_pictures(model, 24), measure=False, estimator="min-max")
    done = run(model, targets, tmp_path / "out", options)
    assert not done.failures, "\n".join(f"{f.target}: {f.error}" for f in done.failures)
    for report in done.reports:
        assert report.broken_promises == (), report.target.name
        # Random weights blow rounding up, so int8 files have no bound of their own here.
        if report.target.name in FLOAT:
            assert report.parity_sqnr_db >= 80, report.target.name
