"""An ONNX model with two branches."""

from __future__ import annotations

import numpy as np

HOSTILE = "</script><script>alert(1)</script>\"'&\u202e\x1b[31m" + "x" * 4000


def onnx_model(name: str = "stem") -> object:
    """Conv 3>8, then two branches of which one is quantized, and their sum."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name=f"{name}/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="left/Relu"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["q"], name="right/Q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], name="right/DQ"),
        helper.make_node("Add", ["r", "d"], ["y"], name="end/Add"),
    ]
    held = {
        "w": np.arange(216, dtype=np.float32).reshape(8, 3, 3, 3) / 100,
        "s": np.array(0.5, np.float32),
        "z": np.array(3, np.int8),
    }
    graph = helper.make_graph(
        nodes,
        "branches",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 8, 8])],
        [numpy_helper.from_array(array, key) for key, array in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
