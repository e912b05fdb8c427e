"""A tiny model whose outputs are known: an int8 layer that turns its inputs round."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.extras import load
from edgekit.formats.tflite import pack, sign
from edgekit.formats.tflite_edit import blank, operator, tensor

WIDTH = 32
SCALE = 0.5
_VERSION = 4  # of FULLY_CONNECTED, from which on it takes int8


def make(path: Path) -> None:
    """Write the model: output k is input WIDTH - 1 - k, exactly, in steps of 0.5."""
    schema = load("ai_edge_litert.schema_py_generated")

    model = blank()
    graph = model.subgraphs[0]
    weights = (2 * np.eye(WIDTH, dtype=np.int8)[::-1]).astype(np.int8)
    bias = np.zeros(WIDTH, np.int32)
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
