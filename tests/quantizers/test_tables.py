"""Functions of one number as int8 tables, and operators spelled with others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.formats import tflite, tflite_edit
from edgekit.quantizers.spelling import respell
from edgekit.quantizers.tables import table

SCALES = st.floats(1e-4, 10.0)
POINTS = st.integers(-128, 127)


@given(SCALES, POINTS, SCALES, POINTS)
def test_a_table_of_the_identity_is_a_requantization(scale, point, other, zero):
    values = table(lambda x: x, (scale, point), (other, zero))
    real = (np.arange(-128, 128) - point) * scale
    wanted = np.clip(real, (-128 - zero) * other, (127 - zero) * other)
    assert np.abs((values.astype(float) - zero) * other - wanted).max() <= other * 0.5000001


@given(SCALES, POINTS)
def test_a_table_is_finite_where_the_function_is_not(scale, point):
    values = table(np.log, (scale, point), (0.05, 0))
    assert values.shape == (256,)
    assert values[max(0, point + 128)] == -128 or point == 127  # log(0) is the lowest end
    assert (np.diff(values[point + 129 :].astype(int)) >= 0).all()


def _file(function: Any, shape: tuple[int, ...]) -> bytes:
    import tensorflow as tf

    concrete = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    return content


def _run(content: bytes, value: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(model_content=content)
    engine.allocate_tensors()
    engine.set_tensor(engine.get_input_details()[0]["index"], value)
    engine.invoke()
    return np.asarray(engine.get_tensor(engine.get_output_details()[0]["index"]))


@pytest.mark.filterwarnings("ignore:.*np.bool.*")
@pytest.mark.parametrize("wide", [False, True])
def test_a_respelled_file_computes_the_same_without_the_operators(wide):
    import tensorflow as tf

    def function(x):
        gate = x * tf.nn.relu6(x + 3.0) / 6.0
        spread = tf.math.squared_difference(x, tf.reverse(x, [1]))
        return tf.square(x) + tf.negative(x) + x / (1.5 + tf.abs(x)) + gate + spread

    content = _file(function, (2, 6))
    changed = respell(content, wide=wide)
    value = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    np.testing.assert_allclose(_run(changed, value), _run(content, value), rtol=1e-5, atol=1e-5)
    model = tflite.parse(changed)
    kinds = {tflite_edit.kind(model, operator) for operator in model.subgraphs[0].operators}
    gone = {"SQUARE", "NEG"} | ({"SQUARED_DIFFERENCE", "HARD_SWISH"} if wide else set())
    assert not kinds & gone
    assert respell(changed, wide=wide) == changed or not wide


def _kinds(content: bytes) -> set[str]:
    model = tflite.parse(content)
    return {tflite_edit.kind(model, operator) for operator in model.subgraphs[0].operators}


@pytest.mark.filterwarnings("ignore:.*np.bool.*")
def test_only_a_mean_of_the_whole_map_is_spelled_as_one():
    import tensorflow as tf

    value = np.random.default_rng(0).normal(size=(1, 4, 6, 3)).astype(np.float32)
    whole = _file(lambda x: tf.nn.avg_pool2d(x, (4, 6), 1, "VALID"), (1, 4, 6, 3))
    changed = respell(whole)
    assert _kinds(changed) == {"MEAN"}
    np.testing.assert_allclose(_run(changed, value), _run(whole, value), rtol=1e-6, atol=1e-6)
    part = _file(lambda x: tf.nn.avg_pool2d(x, (4, 3), 1, "VALID"), (1, 4, 6, 3))
    assert respell(part) == part


@pytest.mark.filterwarnings("ignore:.*np.bool.*")
def test_the_mean_of_a_map_keeps_more_bits_than_the_map_has_room_for():
    import tensorflow as tf

    from edgekit.quantizers.tflite import quantize

    def function(x):
        return tf.nn.avg_pool2d(tf.nn.relu(x), 8, 1, "VALID") * 3.0

    value = np.random.default_rng(0).normal(size=(1, 8, 8, 4)).astype(np.float32)
    model = tflite.parse(_file(function, (1, 8, 8, 4)))
    tflite.sign(model, ["x"], ["y"])
    content = tflite.pack(model)
    pooled, result = model.subgraphs[0].operators[-2:]
    names = [t.name.decode() for t in model.subgraphs[0].tensors]
    within, behind = (names[int(operator.outputs[0])] for operator in (pooled, result))
    before, given = names[int(pooled.inputs[0])], names[int(model.subgraphs[0].inputs[0])]
    ranges = {given: (-8.0, 8.0), before: (0.0, 8.0), within: (0.0, 0.6), behind: (0.0, 1.8)}
    errors = [
        np.abs(_run(quantize(one, ranges, io="float32"), value) - _run(content, value)).max()
        for one in (content, respell(content))
    ]
    assert errors[1] < errors[0] / 2
