"""Architectures of keras.applications, with random weights, become float and int8 files."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.models import WARMING, pictures, warm
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ConvNeXt"])
def test_an_architecture_converts_to_every_format(name, tmp_path, monkeypatch):
    import keras

    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    keras.utils.set_random_seed(3)
    model = _build(name)
    warm(model, pictures(model, WARMING, seed=3))
    targets = tuple(Target.load(target) for target in FLOAT + INT8)
    options = Options(calibration=pictures(model, 24, seed=5), measure=False, estimator="min-max")
    done = run(model, targets, tmp_path / "out", options)
    assert not done.failures, "\n".join(f"{f.target}: {f.error}" for f in done.failures)
    for report in done.reports:
        assert report.broken_promises == (), report.target.name
        if report.target.name in FLOAT:
            assert report.parity_sqnr_db >= 90, report.target.name
