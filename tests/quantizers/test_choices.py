"""Comparisons and searches that read integers find what they found in the floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from edgekit.formats import tflite, tflite_edit
from edgekit.quantizers.choices import read_integers

SIZE = 8
COMPARISONS = {
    "EQUAL": np.equal, "NOT_EQUAL": np.not_equal, "GREATER": np.greater, "LESS": np.less,
    "GREATER_EQUAL": np.greater_equal, "LESS_EQUAL": np.less_equal,
}  # fmt: skip
STORED = some.lists(some.integers(-128, 127), min_size=SIZE, max_size=SIZE).map(
    lambda values: np.array([values], np.int8)
)


def empty() -> Any:
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
    model.buffers = [schema.BufferT()]
    return model


def dequantized(model: Any, name: str, scale: float, point: int = 0) -> int:
    """Add an int8 input and its dequantization; return the latter's tensor."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    stored = tflite_edit.tensor(model, f"{name}_int8", (1, SIZE), "int8")
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.array([scale], np.float32)
    quantization.zeroPoint = np.array([point], np.int64)
    graph.tensors[stored].quantization = quantization
    real = tflite_edit.tensor(model, name, (1, SIZE), "float32")
    graph.operators.append(tflite_edit.operator(model, "DEQUANTIZE", [stored], [real]))
    graph.inputs.append(stored)
    return real


def finds(model: Any, kind: str, inputs: list[int], shape: tuple[int, ...], dtype: int) -> None:
    """Add an operator whose result is an output."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    found = tflite_edit.tensor(model, kind.lower(), shape, "int32")
    graph.tensors[found].type = dtype
    options = {"ARG_MAX": schema.ArgMaxOptionsT, "ARG_MIN": schema.ArgMinOptionsT}.get(kind)
    made = options() if options else None
    if made is not None:
        made.outputType = dtype
    graph.operators.append(tflite_edit.operator(model, kind, inputs, [found], made))
    graph.outputs.append(found)


def compared(kind: str, scale: float, point: int, constant: Any) -> Any:
    model = empty()
    real = dequantized(model, "x", scale, point)
    value = np.array(constant, np.float32)
    other = tflite_edit.tensor(model, "c", value.shape, "float32", value=value)
    finds(model, kind, [real, other], (1, SIZE), 6)
    return model


def run(model: Any, *inputs: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(model_content=tflite.pack(model))
    engine.allocate_tensors()
    for detail, value in zip(engine.get_input_details(), inputs, strict=True):
        engine.set_tensor(detail["index"], value)
    engine.invoke()
    return np.asarray(engine.get_tensor(engine.get_output_details()[0]["index"]))


def read_types(model: Any) -> list[int]:
    """Return the types of what the last operator reads."""
    graph = model.subgraphs[0]
    return [graph.tensors[index].type for index in graph.operators[-1].inputs]


@pytest.mark.parametrize("kind", COMPARISONS)
@given(
    stored=STORED, scale=some.floats(2.0**-20, 100, width=32), point=some.integers(-128, 127),
    steps=some.floats(-300, 300),
)  # fmt: skip
def test_a_constant_is_compared_with_as_before(kind, stored, scale, point, steps) -> None:
    model = compared(kind, scale, point, steps * scale)
    read_integers(model)
    assert read_types(model) == [9, 9]
    real = stored.astype(np.float64) - point
    # The kernel rounds; what is nearer than an eighth of a step may go over.
    apart = np.abs(real - steps) > 0.13
    assert np.array_equal(run(model, stored)[apart], COMPARISONS[kind](real, steps)[apart])


@given(STORED, some.sampled_from([-3, 0, 50]))
def test_zero_is_compared_with_exactly(stored, point) -> None:
    model = compared("EQUAL", 0.25, point, 0.0)
    read_integers(model)
    assert read_types(model) == [9, 9]
    assert np.array_equal(run(model, stored), stored == point)


@pytest.mark.parametrize("scale", [0.125, 1e-4, 300.0])
@pytest.mark.parametrize("times", [1, 4])
@given(STORED, STORED)
@example(np.array([[-27] * SIZE], np.int8), np.array([[-127] * SIZE], np.int8))
def test_two_tensors(times, scale, one, other) -> None:
    model = empty()
    pair = [dequantized(model, "x", times * scale, 3), dequantized(model, "y", scale, -7)]
    finds(model, "GREATER", pair, (1, SIZE), 6)
    read_integers(model)
    assert read_types(model) == [9, 9]
    left, right = (one.astype(int) - 3) * times, other.astype(int) + 7
    # The kernel rounds each side at its own scale: equal numbers of two scales may come apart.
    told_apart = (left != right) | (times == 1)
    assert np.array_equal(run(model, one, other)[told_apart], (left > right)[told_apart])


def test_scales_that_the_kernel_tells_apart_cost_no_operator() -> None:
    for scale, operators in ((0.5, 2), (1 / 64, 2), (1 / 65, 3), (1.0, 3)):
        model = compared("GREATER", scale, 0, scale)
        read_integers(model)
        assert len(model.subgraphs[0].operators) == operators, scale


@pytest.mark.parametrize(("kind", "wanted"), [("ARG_MAX", np.argmax), ("ARG_MIN", np.argmin)])
@given(stored=STORED, scale=some.sampled_from([0.01, 0.9]))
def test_a_search_reads_integers_and_keeps_its_axis(kind, wanted, stored, scale) -> None:
    model = empty()
    real = dequantized(model, "x", scale, 5)
    axis = tflite_edit.tensor(model, "axis", (), "int32", value=np.array(1))
    finds(model, kind, [real, axis], (1,), 2)
    read_integers(model)
    assert read_types(model) == [9, 2]
    assert run(model, stored)[0] == wanted(stored)


@pytest.mark.parametrize("constant", [1e-44, -1e-37, 3e38])
def test_numbers_far_off_the_scale_are_on_the_right_side_of_it(constant) -> None:
    model = compared("GREATER", 0.5, 0, constant)
    read_integers(model)
    assert read_types(model) == [9, 9]
    stored = np.array([[-128, -60, -2, -1, 1, 2, 60, 127]], np.int8)
    assert np.array_equal(run(model, stored), stored * 0.5 > constant)


@pytest.mark.parametrize("constant", [[0.0, 1.0] * 4, np.inf, -np.inf, np.nan])
def test_what_no_integer_can_be_stays_in_float(constant) -> None:
    model = compared("GREATER", 0.5, 0, constant)
    read_integers(model)
    assert read_types(model) == [0, 0]
    assert len(model.subgraphs[0].operators) == 2


def test_nothing_is_read_before_it_is_there() -> None:
    """The integers of ``x`` are only made after the comparison."""
    from ai_edge_litert import schema_py_generated as schema

    model = compared("GREATER", 0.5, 0, 0.0)
    graph = model.subgraphs[0]
    real = graph.operators[0].outputs[0]
    graph.operators[0].inputs, graph.inputs = np.array([real]), [real]
    stored = tflite_edit.tensor(model, "later", (1, SIZE), "int8")
    graph.tensors[stored].quantization = schema.QuantizationParametersT()
    graph.operators = [
        graph.operators[1], tflite_edit.operator(model, "QUANTIZE", [real], [stored])
    ]  # fmt: skip
    comparison = graph.operators[0]
    read_integers(model)
    assert [graph.tensors[index].type for index in comparison.inputs] == [0, 0]


def test_other_operators_keep_their_floats() -> None:
    model = empty()
    real = dequantized(model, "x", 0.5)
    finds(model, "ABS", [real], (1, SIZE), 0)
    read_integers(model)
    assert read_types(model) == [0]
