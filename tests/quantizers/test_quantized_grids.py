"""What rounding.on_grid predicts is what the quantizers really write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.accuracy import sqnr_db
from edgekit.exporters import onnx as onnx_exporter
from edgekit.exporters import tflite as tflite_exporter
from edgekit.formats import tflite as flatbuffer
from edgekit.quantizers import bias, ort, tflite
from edgekit.quantizers.rounding import on_grid
from edgekit.trace import Trace, freeze, signature

KERNELS = {"CONV_2D": (3, 0), "DEPTHWISE_CONV_2D": (4, 3), "FULLY_CONNECTED": (9, 0)}


@pytest.fixture(scope="module")
def trace() -> Trace:
    """Return a network with each kind of kernel; the biases matter and rounding shows."""
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    y = layers.Conv2D(4, 3, activation="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(y)
    y = layers.Flatten()(y)
    model = keras.Model(x, layers.Dense(5, name="y")(y))
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype(np.float32) for w in model.get_weights()])
    return freeze(model, signature(model))


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(4).normal(0.5, 1, (40, 8, 8, 3)).astype(np.float32)}


def ranges_of(found: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    return {n: (min(0.0, float(v.min())), max(0.0, float(v.max()))) for n, v in found.items()}


@pytest.fixture
def float_file(trace: Trace, tmp_path: Path) -> Path:
    path = tmp_path / "float.tflite"
    path.write_bytes(tflite_exporter.export(trace))
    return path


def activations(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**runtimes.tensors(runtimes.describe(path), inputs), **named_inputs(path, inputs)}


def named_inputs(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the inputs by the names that they have as tensors in a TFLite file."""
    if path.suffix != ".tflite":
        return inputs
    graph = flatbuffer.parse(path.read_bytes()).subgraphs[0]
    return {graph.tensors[i].name.decode(): inputs["x"] for i in graph.inputs}


def kernels(model: Any) -> dict[str, tuple[int, Any, int]]:
    """Return (index of the weights, their tensor, channel axis) by kind of operator."""
    found = {}
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        for kind, (number, axis) in KERNELS.items():
            if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
                index = operator.inputs[1]
                found[kind] = (index, graph.tensors[index], axis)
    return found


def test_the_tflite_quantizer_writes_the_weights_that_are_corrected_for(
    float_file: Path, inputs: dict[str, np.ndarray]
) -> None:
    content = float_file.read_bytes()
    done = tflite.quantize(content, ranges_of(activations(float_file, inputs)), io="int8")
    before, after = flatbuffer.parse(content), flatbuffer.parse(done)
    ours, theirs = kernels(before), kernels(after)
    assert set(ours) == set(theirs) == set(KERNELS)
    for kind, (index, _, axis) in ours.items():
        weights = flatbuffer.constant(before, index)
        place, tensor, _ = theirs[kind]
        stored = flatbuffer.constant(after, place)
        assert stored is not None
        assert stored.dtype == np.int8
        scales = np.asarray(tensor.quantization.scale, np.float32)
        along = [-1 if i == axis else 1 for i in range(weights.ndim)]
        if len(scales) == 1:
            along = [1] * weights.ndim
        real = stored.astype(np.float32) * scales.reshape(along)
        predicted = on_grid(weights, axis if len(scales) > 1 else None)
        np.testing.assert_allclose(predicted, real, atol=np.abs(weights).max() * 1e-5)
        assert len(scales) == weights.shape[axis], f"{kind} is not per channel"


def test_bias_correction_brings_the_mean_output_back(
    float_file: Path, inputs: dict[str, np.ndarray], tmp_path: Path
) -> None:
    content = float_file.read_bytes()
    found = activations(float_file, inputs)
    model = flatbuffer.parse(content)
    means = {name: value.mean(axis=0, keepdims=True) for name, value in found.items()}
    done = bias.correct(model, means)
    assert [one.skipped for one in done] == [None] * 3
    assert all(one.largest > 0 for one in done)
    answers = runtimes.open_runner(runtimes.describe(float_file)).run(inputs)["y"]
    errors = []
    for name, file in (("plain", content), ("corrected", flatbuffer.pack(model))):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(tflite.quantize(file, ranges_of(found), io="float32"))
        got = runtimes.open_runner(runtimes.describe(path)).run(inputs)["y"]
        assert sqnr_db(answers, got) > 15
        errors.append(np.abs((got - answers).mean(axis=0)).mean())
    assert errors[1] < 0.8 * errors[0]


def test_a_layer_that_cannot_be_corrected_says_why(float_file: Path) -> None:
    model = flatbuffer.parse(float_file.read_bytes())
    assert {one.skipped for one in bias.correct(model, {})} == {
        "the mean of its input is not known"
    }


@pytest.mark.parametrize(("reduced", "top"), [(True, 64), (False, 127)])
def test_weights_of_onnx_stay_within_their_range(
    trace: Trace, inputs: dict[str, np.ndarray], tmp_path: Path, *, reduced: bool, top: int
) -> None:
    import onnx

    folded = ort.fold(onnx_exporter.export(trace))
    path = tmp_path / "model.onnx"
    onnx.save(folded, str(path))
    found = ranges_of({**activations(path, inputs), **inputs})
    done = ort.quantize(folded, found, reduce_range=reduced)
    onnx.checker.check_model(done)  # also: nodes are sorted
    floats = {t.name: onnx.numpy_helper.to_array(t) for t in folded.graph.initializer}
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in done.graph.initializer}
    weights = {n: v for n, v in stored.items() if v.dtype == np.int8 and v.ndim > 1}
    assert len(weights) == 3
    for name, integers in weights.items():
        plain = name.removesuffix("_quantized")
        largest = np.abs(integers.astype(int)).max()
        assert top - 1 <= largest <= top, name
        scales = stored[f"{plain}_scale"]
        axis = next(i for i, n in enumerate(integers.shape) if n == scales.size)
        axis = integers.ndim - 1 if integers.ndim == 2 and integers.shape[1] == scales.size else 0
        along = [-1 if i == axis else 1 for i in range(integers.ndim)]
        real = integers * scales.reshape(along)
        predicted = on_grid(floats[plain], axis, top=top)
        np.testing.assert_allclose(predicted, real, atol=np.abs(real).max() * 1e-2)
