"""Residual connections run in integers where ONNX Runtime is left to its defaults."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.quantizers import ort

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

CHANNELS, SIDE = 8, 6
RANGE = (-4.0, 4.0)


def residual() -> Any:
    """Three convolutions; what goes into the second goes round it, too: it has two readers."""
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    rng, shape = np.random.default_rng(0), [1, CHANNELS, SIDE, SIDE]
    weights = [
        onnx.numpy_helper.from_array(
            rng.normal(scale=0.2, size=(CHANNELS, CHANNELS, 3, 3)).astype(np.float32), name
        )
        for name in ("u", "v", "w")
    ]
    nodes = [
        helper.make_node("Conv", ["x", "u"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "v"], ["b"], name="second", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["a", "b"], ["c"], name="add"),
        helper.make_node("Conv", ["c", "w"], ["y"], name="third", pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", real, shape)],
        [helper.make_tensor_value_info("y", real, shape)], weights,
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    return made


def test_every_convolution_and_the_addition_become_integer_kernels(tmp_path: Path) -> None:
    ranges = dict.fromkeys(("x", "a", "b", "c", "y"), RANGE)
    quantized = ort.quantize(residual(), ranges, reduce_range=False)
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    options.log_severity_level = 4
    content = quantized.SerializeToString()
    runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    ran = Counter(node.op_type for node in onnx.load(tmp_path / "run.onnx").graph.node)
    assert (ran["QLinearConv"], ran["QLinearAdd"]) == (3, 1)
    assert not ran.keys() & {"Conv", "FusedConv", "Add"}
