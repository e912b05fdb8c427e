"""A rectifier stays in a QDQ model where its output shares a wider range with others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.quantizers import ort

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

WIDTH = 8


@pytest.fixture(params=["Relu", "Clip"])
def model(request: pytest.FixtureRequest) -> Any:
    """Dense, a rectifier, and a concatenation of it with an input."""
    rng, helper, real = np.random.default_rng(0), onnx.helper, onnx.TensorProto.FLOAT
    hold = onnx.numpy_helper.from_array
    given = [helper.make_tensor_value_info(n, real, [1, WIDTH]) for n in ("x", "other")]
    limits = ["low", "high"] if request.param == "Clip" else []
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["dense"], name="matmul"),
        helper.make_node(request.param, ["dense", *limits], ["cut"], name="rectifier"),
        helper.make_node("Concat", ["cut", "other"], ["both"], name="concat", axis=1),
        helper.make_node("MatMul", ["both", "v"], ["y"], name="end"),
    ]
    graph = helper.make_graph(
        nodes, "net", given, [helper.make_tensor_value_info("y", real, [1, 2 * WIDTH])],
        [hold(rng.normal(size=(WIDTH, WIDTH)).astype(np.float32), "w"),
         hold(np.eye(2 * WIDTH, dtype=np.float32), "v"),
         hold(np.float32(0), "low"), hold(np.float32(2), "high")],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    return made


def run(model: Any, x: Any, other: Any) -> Any:
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x, "other": other})[0]


def kinds(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def ranges(low: float, high: float) -> dict[str, tuple[float, float]]:
    wide = (-10.0, 10.0)
    return {"x": (-3.0, 3.0), "other": (low, high), "dense": wide, "cut": (low, high),
            "both": (low, high), "y": (low, high)}  # fmt: skip


def test_a_rectifier_whose_range_is_wider_stays(model) -> None:
    quantized = ort.quantize(model, ranges(-4.0, 10.0), reduce_range=True)
    rng = np.random.default_rng(1)
    x, other = (rng.uniform(-3, 3, (1, WIDTH)).astype(np.float32) for _ in range(2))
    got, wanted = run(quantized, x, other), run(model, x, other)
    assert {"Relu", "Clip"} & set(kinds(quantized))
    np.testing.assert_allclose(got, wanted, atol=0.2)
    assert got[:, :WIDTH].min() >= -0.03


def test_a_rectifier_that_the_grid_cuts_as_well_is_dropped(model) -> None:
    quantized = ort.quantize(model, ranges(0.0, 2.0), reduce_range=True)
    assert not {"Relu", "Clip"} & set(kinds(quantized))


def test_nothing_is_rounded_before_a_rectifier_that_stays(model) -> None:
    quantized = ort.quantize(model, ranges(-4.0, 10.0), reduce_range=True)
    [kept] = [node for node in quantized.graph.node if node.op_type in ("Relu", "Clip")]
    assert kept.input[0] == "dense"
    onnx.checker.check_model(quantized)
