"""Float files are believed for what they give on numbers that the model was made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.errors import ExportError
from edgekit.exporters import tflite
from edgekit.pipeline import floats
from edgekit.trace import freeze, signature

OPTIONS = edgekit.Options(measure=False)


def dense(*, bound: float | None = None) -> Any:
    import keras

    keras.utils.set_random_seed(2)
    x = keras.Input((5,), name="x")
    y = x if bound is None else keras.ops.clip(x, -bound, bound)
    return keras.Model(x, keras.layers.Dense(3, name="y")(y), name="m")


def data(scale: float) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(5).normal(0, scale, (40, 5)).astype(np.float32)}


def converted(model: Any, out: Path, **more: Any) -> Any:
    return edgekit.convert(model, "tflite-fp32", out=out, options=OPTIONS, cache=False, **more)


def test_a_logarithm_is_asked_for_positive_numbers(tmp_path: Path) -> None:
    import keras

    x = keras.Input((5,), name="x")
    model = keras.Model(x, keras.layers.Dense(3)(keras.ops.log(x)), name="m")
    report = converted(model, tmp_path).reports[0]
    assert report.parity_sqnr_db > 90


@pytest.fixture
def clipped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the file be of a model that clips its inputs, which the source does not."""

    def clip(bound: float) -> None:
        def write(trace: Any, folder: Path) -> Path:
            model = dense(bound=bound)
            (folder / "model.tflite").write_bytes(tflite.export(freeze(model, signature(model))))
            return folder / "model.tflite"

        monkeypatch.setitem(floats.ROUTES, "tflite", [("other", write)])

    return clip


def test_real_samples_speak_for_a_file_that_is_wrong_on_random_inputs_alone(
    tmp_path: Path, clipped: Any
) -> None:
    clipped(0.5)
    with pytest.raises(ExportError, match="agrees with the source model on random inputs: other:"):
        converted(dense(), tmp_path)
    report = converted(dense(), tmp_path, calibration=data(0.05)).reports[0]
    assert report.parity_sqnr_db > 90
    assert report.warnings == ()
    with pytest.raises(ExportError, match="agrees with the source model on samples of "):
        converted(dense(), tmp_path, calibration=data(2.0))


def test_a_file_that_is_right_on_random_inputs_alone_is_refused(
    tmp_path: Path, clipped: Any
) -> None:
    clipped(6.0)
    assert converted(dense(), tmp_path).reports[0].parity_sqnr_db > 90
    with pytest.raises(ExportError, match="dB only, expected at least 60"):
        converted(dense(), tmp_path, calibration=data(100.0))


def test_a_poor_file_is_handed_over_with_a_warning(tmp_path: Path) -> None:
    import keras

    a, b = (keras.Input((8,), name=name) for name in "ab")
    far = keras.layers.Subtract()([keras.layers.Dense(8, kernel_initializer="identity")(a), b])
    model = keras.Model([a, b], keras.layers.Rescaling(100.0)(far), name="m")
    rng = np.random.default_rng(1)
    near = rng.uniform(-1, 1, (60, 8)).astype(np.float32)
    pair = {"a": near, "b": near + rng.normal(0, 0.008, near.shape).astype(np.float32)}
    done = edgekit.convert(
        model, "tflite-int8", calibration=pair, out=tmp_path, options=OPTIONS, cache=False
    )
    (warning,) = done.reports[0].warnings
    assert warning.startswith("low-agreement: the file agrees with the source model by ")
