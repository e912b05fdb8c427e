"""TFLite files that keep something from one inference to the next."""

from __future__ import annotations

import numpy as np

from edgekit.formats import tflite, tflite_edit

INPUTS, UNITS, MEMORY = 3, 4, 10
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(UNITS, INPUTS)).astype(np.float32)
TIMES = RNG.normal(size=(UNITS, MEMORY)).astype(np.float32)


def filtering(path):
    """Write an SVDF layer, whose state is a tensor that is marked as a variable."""
    from ai_edge_litert import schema_py_generated as schema

    model = tflite_edit.blank()
    graph = model.subgraphs[0]
    read = tflite_edit.tensor(model, "in", (1, INPUTS), "float32")
    features = tflite_edit.tensor(model, "features", FEATURES.shape, "float32", value=FEATURES)
    times = tflite_edit.tensor(model, "times", TIMES.shape, "float32", value=TIMES)
    state = tflite_edit.tensor(model, "state", (1, UNITS * MEMORY), "float32")
    graph.tensors[state].isVariable = True
    made = tflite_edit.tensor(model, "out", (1, UNITS), "float32")
    options = schema.SVDFOptionsT()
    options.rank = 1
    taken = [read, features, times, -1, state]
    graph.operators = [tflite_edit.operator(model, "SVDF", taken, [made], options)]
    return _signed(model, read, made, path)


def filtered(rows):
    """Return what that layer gives for each row with an empty state."""
    return rows @ FEATURES.T * TIMES[:, -1]


def summing(path):
    """Write a graph that adds its input to a variable, held by a handle, and gives the sum."""
    from ai_edge_litert import schema_py_generated as schema

    model = tflite_edit.blank()
    graph, beginning = model.subgraphs[0], schema.SubGraphT()
    read, before, made = (
        tflite_edit.tensor(model, name, (1, 2), "float32") for name in ("in", "before", "out")
    )
    zeros = tflite_edit.tensor(model, "zeros", (1, 2), "float32", value=np.zeros((1, 2)))
    handles = [tflite_edit.tensor(model, name, (), "int32") for name in ("there", "here")]
    for index in handles:
        graph.tensors[index].type = schema.TensorType.RESOURCE
    beginning.tensors, beginning.inputs, beginning.outputs = list(graph.tensors), [], []
    model.subgraphs.append(beginning)
    held = schema.VarHandleOptionsT()
    held.container, held.sharedName = b"", b"sum"
    once, assigning = schema.CallOnceOptionsT(), schema.AssignVariableOptionsT()
    once.initSubgraphIndex = 1
    operator = tflite_edit.operator
    beginning.operators = [
        operator(model, "VAR_HANDLE", [], [handles[0]], held),
        operator(model, "ASSIGN_VARIABLE", [handles[0], zeros], [], assigning),
    ]
    graph.operators = [
        operator(model, "CALL_ONCE", [], [], once),
        operator(model, "VAR_HANDLE", [], [handles[1]], held),
        operator(model, "READ_VARIABLE", [handles[1]], [before], schema.ReadVariableOptionsT()),
        operator(model, "ADD", [read, before], [made], schema.AddOptionsT()),
        operator(model, "ASSIGN_VARIABLE", [handles[1], made], [], assigning),
    ]
    return _signed(model, read, made, path)


def _signed(model, read, made, path):
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = [read], [made]
    tflite.sign(model, ["in"], ["out"])
    path.write_bytes(tflite.pack(model))
    return path
