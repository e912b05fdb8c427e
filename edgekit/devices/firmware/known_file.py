"""A tiny ONNX file that is made here, and whose outputs follow from arithmetic alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.extras import load

_WIDE = 8


def write(path: Path) -> Artifact:
    """Write a file of one dense layer in float, whose products and sums are whole numbers.

    Raises:
        MissingExtra: onnx is not installed.
    """
    onnx = load("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    graph = helper.make_graph(
        [node], "known",
        [helper.make_tensor_value_info("x", kind, (1, _WIDE))],
        [helper.make_tensor_value_info("y", kind, (1, _WIDE))],
        [onnx.numpy_helper.from_array(_weights(), "w"),
         onnx.numpy_helper.from_array(_biases(), "b")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return runtimes.describe(path)


def samples() -> dict[str, NDArray[np.float32]]:
    """Return inputs by name, a row a sample."""
    return {"x": np.arange(3 * _WIDE, dtype=np.float32).reshape(3, _WIDE)}


def expected() -> NDArray[np.float32]:
    """Return what ``samples`` give, exactly."""
    return np.asarray(samples()["x"] @ _weights() + _biases(), np.float32)


def _weights() -> NDArray[np.float32]:
    return np.arange(_WIDE * _WIDE, dtype=np.float32).reshape(_WIDE, _WIDE) % 5 - 2


def _biases() -> NDArray[np.float32]:
    return np.arange(_WIDE, dtype=np.float32)
