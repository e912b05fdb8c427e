"""Names that graphs refuse, or that look decorated, reach the artifact as Keras has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit as ek
from edgekit import runtimes
from edgekit.exporters import onnx as onnx_exporter
from edgekit.exporters import openvino as openvino_exporter
from edgekit.exporters import tflite as tflite_exporter
from edgekit.formats import openvino as openvino_files
from edgekit.trace import Trace, freeze, signature
from edgekit.trace.scopes import legal

ODD = ["a b", "é", "日本", "-x", "_y", "a:0", "serving_default_q", "c,d;e", "l<m>", "'\"\\", "#@&+"]


def _model(names: list[str]) -> Any:
    import keras

    layers = keras.layers
    inputs = [keras.Input((6,), name=name) for name in names]
    x = layers.Concatenate(name="c & c")(inputs) if len(inputs) > 1 else inputs[0]
    inner = keras.Sequential([keras.Input(x.shape[1:]), layers.Dense(4, name="d e")], name="in ner")
    x = layers.LSTM(3, name="l stm<>", unroll=True)(layers.Reshape((4, 1), name="(r)")(inner(x)))
    outputs = {f"{name} out:0": layers.Dense(2, name=f"{name}!")(x) for name in names}
    return keras.Model(inputs, outputs, name="model of mine")


def _write(trace: Trace, kind: str, folder: Path) -> Path:
    if kind == "tflite":
        (folder / "model.tflite").write_bytes(tflite_exporter.export(trace))
        return folder / "model.tflite"
    if kind == "onnx":
        import onnx

        onnx.save(onnx_exporter.export(trace), str(folder / "model.onnx"))
        return folder / "model.onnx"
    made = openvino_exporter.export(trace)
    if kind == "openvino by onnx":
        made = openvino_exporter.from_onnx(onnx_exporter.export(trace))
    openvino_files.save(made, folder / "model.xml")
    return folder / "model.xml"


@pytest.mark.parametrize("names", [ODD, ["a:0"], ["serving_default_x"]], ids=["all", "0", "tf"])
def test_inputs_and_outputs_keep_their_names(names: list[str], tmp_path: Path) -> None:
    model = _model(names)
    trace = freeze(model, signature(model))
    rng = np.random.default_rng(0)
    inputs = {name: rng.normal(size=(1, 6)).astype(np.float32) for name in names}
    wanted = {k: np.asarray(v) for k, v in model(list(inputs.values()), training=False).items()}
    for kind in ("tflite", "onnx", "openvino", "openvino by onnx"):
        artifact = runtimes.describe(_write(trace, kind, tmp_path))
        assert [spec.name for spec in artifact.inputs] == names, kind
        assert [spec.name for spec in artifact.outputs] == list(wanted), kind
        found = runtimes.open_runner(artifact).run(inputs)
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=f"{kind} {name}")


def test_names_that_nobody_decorated_leave_no_mark() -> None:
    import keras

    assert legal("conv_1/a>b.c-d", at_root=True) == "conv_1/a>b.c-d"
    assert [legal(name, at_root=True) for name in ("_x", "ü", "a\\b>")] == ["n_x", "n_", "a_b_"]
    for name, marks in (("y", 0), ("y:0", 1)):
        x = keras.Input((4,), name="x")
        model = keras.Model(x, keras.layers.Dense(2, name=name)(x))
        made = onnx_exporter.export(freeze(model, signature(model)))
        assert len(made.metadata_props) == marks


@pytest.mark.parametrize("target", ["onnx-int8", "onnx-fp16", "openvino-int8", "tflite-int8"])
def test_names_outlive_quantizers(target: str, tmp_path: Path) -> None:
    import keras

    x = keras.Input((6,), name="a:0")
    model = keras.Model({"a:0": x}, {"b:0": keras.layers.Dense(2, name="d e")(x)})
    data = {"a:0": np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)}
    options = ek.Options(measure=False, estimator="min-max")
    made = ek.convert(model, [target], calibration=data, options=options, out=tmp_path / "out")
    (artifact,) = made.artifacts
    assert [spec.name for spec in artifact.inputs] == ["a:0"]
    assert [spec.name for spec in artifact.outputs] == ["b:0"]


@pytest.mark.parametrize("kind", ["tflite", "onnx", "openvino"])
def test_more_than_ten_ends_keep_their_order(kind: str, tmp_path: Path) -> None:
    """Sorted by name, the eleventh would come before the third."""
    import keras

    inputs = [keras.Input((3,)) for _ in range(12)]
    ends = [keras.layers.Dense(2)(x) for x in inputs]
    model = keras.Model(inputs, ends)
    trace = freeze(model, signature(model))
    artifact = runtimes.describe(_write(trace, kind, tmp_path))
    assert [spec.name for spec in artifact.inputs] == [
        x._keras_history.operation.name for x in inputs
    ]
    assert [spec.name for spec in artifact.outputs] == model.output_names
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(1, 3)).astype(np.float32) for _ in inputs]
    found = runtimes.open_runner(artifact).run(
        {spec.name: value for spec, value in zip(artifact.inputs, data, strict=True)}
    )
    for name, wanted in zip(model.output_names, model(data, training=False), strict=True):
        np.testing.assert_allclose(found[name], wanted, atol=1e-5)
