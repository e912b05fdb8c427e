"""A tiny ONNX file that is made here, and whose outputs are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.extras import load

_WIDTH = 64
_IR_VERSION = 9
_OPSET = 17


def content() -> bytes:
    """Return an ONNX file that doubles its input.

    Raises:
        MissingExtra: onnx is not installed.
    """
    onnx: Any = load("onnx")
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, _WIDTH])
        for name in ("input", "output")
    ]
    node = onnx.helper.make_node("Add", ["input", "input"], ["output"])
    graph = onnx.helper.make_graph([node], "known", ports[:1], ports[1:])
    opset = onnx.helper.make_opsetid("", _OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    made: bytes = model.SerializeToString()
    return made


def samples() -> NDArray[np.float32]:
    """Return inputs, one row."""
    return np.arange(_WIDTH, dtype=np.float32)[None]


def expected() -> NDArray[np.float32]:
    """Return what ``samples`` give."""
    return 2 * samples()
