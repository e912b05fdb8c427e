"""What goes into emulated runtimes besides numbers, and what comes out where they are damaged."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from installed import ready

from edgekit import runtimes
from edgekit.devices import load_device
from edgekit.devices.emulated import EmulatedBackend, probe
from edgekit.devices.emulated.inference import computed
from edgekit.devices.emulated.tools import Kit, declared
from edgekit.errors import DeviceError

onnx = pytest.importorskip("onnx")
pytest.importorskip("openvino")

NAMES = ["one\ndone", "x" * 600, "one\\x0adone", "zwei\N{LINE SEPARATOR}\N{SNOWMAN}"]


def differences(path):
    """Write an ONNX file of two inputs and two outputs: a - b, and b - a."""
    helper, (a, b, first, second) = onnx.helper, NAMES
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4]) for name in NAMES
    ]
    nodes = [helper.make_node("Sub", [a, b], [first]), helper.make_node("Sub", [b, a], [second])]
    graph = helper.make_graph(nodes, "differences", ports[:2], ports[2:])
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return runtimes.describe(path)


def test_names_of_several_lines_are_told_apart_in_onnx_files(tmp_path):
    ready("raspberry-pi-4", "onnxruntime")
    rng = np.random.default_rng(0)
    samples = {name: rng.normal(size=(5, 4)).astype(np.float32) for name in NAMES[:2]}
    artifact = differences(tmp_path / "differences.onnx")
    found = EmulatedBackend().outputs(load_device("raspberry-pi-4"), artifact, samples)
    expected = samples[NAMES[0]] - samples[NAMES[1]]
    np.testing.assert_array_equal(found[NAMES[2]], expected)
    np.testing.assert_array_equal(found[NAMES[3]], -expected)


@pytest.mark.parametrize(
    ("name", "runtime", "suffix", "damaged"),
    [
        ("raspberry-pi-4", "onnxruntime", ".onnx", "libonnxruntime.so"),
        ("raspberry-pi-4", "openvino", ".xml", "libopenvino_c.so"),
        ("raspberry-pi-4", "openvino", ".xml", "libopenvino_arm_cpu_plugin.so"),
        ("armv7", "tflite-runtime", ".tflite", "packages/tflite_runtime"),
    ],
)
def test_a_damaged_runtime_is_not_the_files_fault(name, runtime, suffix, damaged, tmp_path):
    device = ready(name, runtime)
    tools = Kit(device).tools()
    assert damaged in tools.program.room
    (tmp_path / "broken").write_bytes(b"not a library")
    room = {**tools.program.room, damaged: tmp_path / "broken"}
    tools = dataclasses.replace(tools, program=dataclasses.replace(tools.program, room=room))
    probe.make(tmp_path / f"probe{suffix}")
    artifact = runtimes.describe(tmp_path / f"probe{suffix}")
    samples = {"in": np.zeros((1, probe.WIDTH), np.float32)}
    with pytest.raises(DeviceError, match=r"does not work: .*install --again"):
        computed(declared(device)[0], tools, artifact, samples)
