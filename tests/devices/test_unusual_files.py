"""TFLite files that are unusual: a figure comes out, or one line that names the file."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.devices import Request, load_device
from edgekit.devices.agreement import agreement, default_samples
from edgekit.devices.emulated import EmulatedBackend
from edgekit.devices.emulated.exchange import feed_of
from edgekit.errors import ArtifactError
from edgekit.formats import tflite, tflite_edit


@pytest.fixture
def board():
    device = load_device("raspberry-pi-4")
    state = EmulatedBackend().state(device)
    if state.readiness != "ready":
        pytest.skip(f"{device.name}: {state.why}; edgekit devices install {device.name}")
    return device


def adding(path, shape=(1, 4), *, dtype="float32", names=("in", "out"), signed=True):
    """Write a file that adds its input to itself; return the file, and the model."""
    from ai_edge_litert import schema_py_generated as schema

    model = tflite_edit.blank()
    graph = model.subgraphs[0]
    tensors = [tflite_edit.tensor(model, name, shape, "float32") for name in names]
    for index in tensors:
        graph.tensors[index].type = getattr(schema.TensorType, dtype.upper())
    *read, made = tensors
    options = schema.AddOptionsT()
    graph.operators = [tflite_edit.operator(model, "ADD", [read[0], read[-1]], [made], options)]
    graph.inputs, graph.outputs = read, [made]
    if signed:
        tflite.sign(model, names[:-1], names[-1:])
    path.write_bytes(tflite.pack(model))
    return path, model


def test_of_several_signatures_the_main_graphs_is_taken(board, tmp_path):
    path, model = adding(tmp_path / "signatures.tflite")
    _, other = adding(tmp_path / "other.tflite", (1, 3), names=("other in", "other out"))
    model.subgraphs.append(other.subgraphs[0])
    for tensor in other.subgraphs[0].tensors:
        tensor.buffer = 0
    second = copy.deepcopy(other.signatureDefs[0])
    second.signatureKey, second.subgraphIndex = "other", 1
    model.signatureDefs = [second, model.signatureDefs[0]]
    path.write_bytes(tflite.pack(model))
    artifact = runtimes.describe(path)
    assert [spec.name for spec in artifact.inputs] == ["in"]
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = EmulatedBackend().outputs(board, artifact, {"in": rows})
    np.testing.assert_array_equal(found["out"], 2 * rows)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 2, 3, 4, 5)])
def test_shapes_and_types_compute_what_they_do_here(board, tmp_path, shape, dtype):
    path, _ = adding(tmp_path / "shaped.tflite", shape, dtype=dtype)
    found = EmulatedBackend().measure(board, runtimes.describe(path), Request(operators=False))
    assert found.agreement.identical_share == 1.0
    assert found.counts.instructions > 1000


def test_what_crashes_the_runtime_is_the_files_fault(board, tmp_path):
    # Integers of eight bits without a scale: TFLite divides by it.
    path, _ = adding(tmp_path / "unscaled.tflite", dtype="uint8")
    with pytest.raises(ArtifactError, match=r"unscaled\.tflite: the device's runtime crashes"):
        EmulatedBackend().measure(board, runtimes.describe(path), Request())


def test_text_is_refused(tmp_path):
    path, _ = adding(tmp_path / "text.tflite", dtype="string")
    with pytest.raises(ArtifactError, match=r"text\.tflite: expected numbers in 'in', got"):
        feed_of(runtimes.describe(path), {})


def test_no_inputs_are_refused(tmp_path):
    path, model = adding(tmp_path / "constant.tflite")
    model.subgraphs[0].inputs, model.signatureDefs = [], []
    path.write_bytes(tflite.pack(model))
    with pytest.raises(ArtifactError, match=r"constant\.tflite: expected .* at least one input"):
        default_samples(runtimes.describe(path))


def test_outputs_of_no_values_agree(tmp_path):
    path, _ = adding(tmp_path / "empty.tflite", (1, 0))
    nothing = {"out": np.zeros((4, 0), np.float32)}
    found = agreement(runtimes.describe(path), nothing, nothing, against="itself")
    assert (found.identical_share, found.same_top1_share) == (1.0, 1.0)
