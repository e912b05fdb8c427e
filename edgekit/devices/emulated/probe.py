"""Tiny models whose outputs are known: a layer that turns its inputs round, one a format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import ArtifactError
from edgekit.extras import load
from edgekit.formats.tflite import pack, sign
from edgekit.formats.tflite_edit import blank, operator, tensor

WIDTH = 32
SCALE = 0.5
_VERSION = 4  # of FULLY_CONNECTED, from which on it takes int8
_OPSET = 13


def make(path: Path) -> None:
    """Write the model, in the format that the suffix names.

    Output k is input WIDTH - 1 - k, exactly, for inputs in steps of 0.5 from -63.5 to 63.5. TFLite
    and ONNX files multiply in int8, OpenVINO files in whatever the runtime computes floats.

    Raises:
        ArtifactError: there is no model of that suffix.
        MissingExtra: what writes it is not installed.
    """
    makers = {".tflite": _tflite, ".onnx": _onnx, ".xml": _openvino}
    if path.suffix not in makers:
        raise ArtifactError(f"{path}: expected a name that ends in {', '.join(makers)}")
    makers[path.suffix](path)


def _turned(dtype: Any) -> Any:
    return np.eye(WIDTH, dtype=dtype)[::-1].copy()


def _tflite(path: Path) -> None:
    schema = load("ai_edge_litert.schema_py_generated")
    model = blank()
    graph = model.subgraphs[0]
    weights, bias = 2 * _turned(np.int8), np.zeros(WIDTH, np.int32)
    read = [
        tensor(model, "in", (1, WIDTH), "int8", scales=[SCALE]),
        tensor(model, "weights", weights.shape, "int8", value=weights, scales=[SCALE]),
        tensor(model, "bias", bias.shape, "int32", value=bias, scales=[SCALE * SCALE]),
    ]
    made = tensor(model, "out", (1, WIDTH), "int8", scales=[SCALE])
    options = schema.FullyConnectedOptionsT()
    graph.operators = [operator(model, "FULLY_CONNECTED", read, [made], options)]
    model.operatorCodes[0].version = _VERSION
    graph.inputs, graph.outputs = [read[0]], [made]
    sign(model, ["in"], ["out"])
    path.write_bytes(pack(model))


def _onnx(path: Path) -> None:
    onnx = load("onnx")
    helper, shape = onnx.helper, (1, WIDTH)
    constants = {
        "weights": 2 * _turned(np.int8),
        "scale": np.array(SCALE, np.float32),
        "zero": np.array(0, np.int8),
    }
    steps = ["scale", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["in", *steps], ["stored"]),
        helper.make_node("QLinearMatMul", ["stored", *steps, "weights", *steps, *steps], ["made"]),
        helper.make_node("DequantizeLinear", ["made", *steps], ["out"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("in", "out")
    ]
    held = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "probe", ports[:1], ports[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def _openvino(path: Path) -> None:
    openvino = load("openvino")
    opset = load("openvino.opset13")
    read = opset.parameter([1, WIDTH], np.float32, name="in")
    made = opset.matmul(read, opset.constant(_turned(np.float32)), False, False, name="out")
    made.output(0).set_names({"out"})
    read.output(0).set_names({"in"})
    model = openvino.Model([opset.result(made)], [read], "probe")
    openvino.serialize(model, str(path))
