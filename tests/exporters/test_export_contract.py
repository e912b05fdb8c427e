from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.accuracy import sqnr_db
from edgekit.errors import ExportError
from edgekit.exporters import onnx as onnx_exporter
from edgekit.exporters import openvino as openvino_exporter
from edgekit.exporters import tflite as tflite_exporter
from edgekit.trace import Trace, computing_in_float32, freeze, signature

PARITY_DB = 90.0
FORMATS = ("tflite", "openvino", "onnx")


def write(trace: Trace, kind: str, folder: Path) -> Path:
    if kind == "tflite":
        path = folder / "model.tflite"
        path.write_bytes(tflite_exporter.export(trace))
    elif kind == "onnx":
        import onnx

        path = folder / "model.onnx"
        onnx.save(onnx_exporter.export(trace), str(path))
    else:
        import openvino

        path = folder / "model.xml"
        model = openvino_exporter.export(trace)
        openvino.save_model(model, str(path), compress_to_fp16=False)
    return path


def leaves(value: Any) -> list[np.ndarray]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return [np.asarray(value, np.float32)]


def inputs_for(trace: Trace, rows: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        spec.name: rng.integers(0, 9, (rows, *spec.shape[1:])).astype(spec.dtype)
        if np.dtype(spec.dtype).kind == "i"
        else rng.normal(size=(rows, *spec.shape[1:])).astype(spec.dtype)
        for spec in trace.inputs
    }


@functools.cache
def prepared(made: Any, kind: str) -> tuple[Trace, dict[str, np.ndarray], list[np.ndarray]]:
    """Return the trace of a model, inputs, and what Keras itself answers, in float32."""
    model = made(kind)
    shapes = signature(model)
    trace = freeze(model, shapes)
    inputs = inputs_for(trace)
    with computing_in_float32(model):
        answers = leaves(model(shapes.pack(list(inputs.values())), training=False))
    return trace, inputs, answers


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_exported_file_answers_like_keras_under_its_names(
    kind: str, file_format: str, made: Any, tmp_path: Path
) -> None:
    trace, inputs, answers = prepared(made, kind)
    artifact = runtimes.describe(write(trace, file_format, tmp_path))
    assert [spec.name for spec in artifact.inputs] == [spec.name for spec in trace.inputs]
    assert [spec.name for spec in artifact.outputs] == [spec.name for spec in trace.outputs]
    assert [spec.shape for spec in artifact.inputs] == [spec.shape for spec in trace.inputs]
    found = runtimes.open_runner(artifact).run(inputs)
    for spec, answer in zip(trace.outputs, answers, strict=True):
        assert sqnr_db(answer, found[spec.name].reshape(answer.shape)) >= PARITY_DB


@pytest.mark.parametrize(
    ("kind_of", "inputs", "outputs"),
    [
        ("sequential", ["picture"], ["scores"]),
        ("shared_layers", ["a", "b"], ["both"]),
        ("many_inputs_as_dict", ["zeta", "alpha"], ["y"]),
        ("many_outputs_as_list", ["x"], ["zz", "aa"]),
        ("many_outputs_as_dict", ["x"], ["zeta", "alpha"]),
        ("same_tensor_twice", ["x"], ["y", "y_1"]),
        ("input_passed_through", ["x"], ["y", "x_1"]),
        ("output_named_like_input", ["data"], ["data_1"]),
    ],
)
def test_names_are_those_of_keras_and_all_different(
    kind_of: str, inputs: list[str], outputs: list[str], made: Any
) -> None:
    trace, _, _ = prepared(made, kind_of)
    assert [spec.name for spec in trace.inputs] == inputs
    assert [spec.name for spec in trace.outputs] == outputs


def test_the_same_trace_gives_the_same_bytes(made: Any, tmp_path: Path) -> None:
    trace, _, _ = prepared(made, "functional")
    assert tflite_exporter.export(trace) == tflite_exporter.export(trace)
    first, second = (onnx_exporter.export(trace).SerializeToString() for _ in range(2))
    assert first == second


def test_half_precision_is_stored_and_still_agrees(made: Any, tmp_path: Path) -> None:
    from edgekit.auditing import audit

    trace, inputs, answers = prepared(made, "sequential")
    path, whole = tmp_path / "model.tflite", tmp_path / "whole.tflite"
    path.write_bytes(tflite_exporter.export(trace, weights="float16"))
    whole.write_bytes(tflite_exporter.export(trace))
    found = runtimes.open_runner(runtimes.describe(path)).run(inputs)
    assert sqnr_db(answers[0], found["scores"]) >= 45
    assert audit(path).weight_bytes <= 0.6 * audit(whole).weight_bytes


def test_recurrent_models_need_no_flex(made: Any, tmp_path: Path) -> None:
    from edgekit.auditing import audit

    for kind_of in ("lstm", "gru"):
        trace, _, _ = prepared(made, kind_of)
        assert audit(write(trace, "tflite", tmp_path)).flex == ()


def test_dilation_stays_native(made: Any, tmp_path: Path) -> None:
    from edgekit.auditing import audit

    trace, _, _ = prepared(made, "dilated")
    kinds = {op.kind for op in audit(write(trace, "tflite", tmp_path)).operators}
    assert "CONV_2D" in kinds
    assert not kinds & {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"}


def test_zero_padding_before_max_pool_survives_every_optimization(
    made: Any, tmp_path: Path
) -> None:
    """ONNX Runtime folds a zero padding into the pooling, which pads with minus infinity."""
    import onnxruntime as ort

    trace, inputs, answers = prepared(made, "padded_pool")
    path = write(trace, "onnx", tmp_path)
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL"):
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found = np.concatenate([session.run(None, {"x": row[None]})[0] for row in inputs["x"]])
        assert sqnr_db(answers[0], found) >= PARITY_DB, level


def test_an_operator_without_a_form_is_named(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    class Odd(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.math.igamma(tf.abs(x) + 1.0, tf.abs(x))

    x = keras.Input((4,), name="x")
    model = keras.Model(x, Odd()(x))
    trace = freeze(model, signature(model))
    for kind_of in FORMATS:
        with pytest.raises(ExportError, match=r"Igamma") as caught:
            write(trace, kind_of, tmp_path)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
