"""ONNX and OpenVINO files, and 32-bit Arm, in the real emulator with the real runtimes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from exactness import demand_one_result
from installed import ready

from edgekit import runtimes
from edgekit.devices import Request, load_device
from edgekit.devices.emulated import EmulatedBackend, probe
from edgekit.devices.emulated.inference import computed
from edgekit.devices.emulated.tools import Kit, declared, taking
from edgekit.devices.runtime_choice import for_format, install_command, runtimes_of, with_runtime
from edgekit.errors import ArtifactError, DeviceError, OptionError, UnknownName

onnx = pytest.importorskip("onnx")
pytest.importorskip("openvino")

FILES = {
    "onnxruntime": "probe.onnx", "openvino": "probe.xml", "tflite-runtime": "probe.tflite",
    "litert-interpreter": "probe.tflite",
}  # fmt: skip
WAYS = [
    ("raspberry-pi-4", "onnxruntime"),
    ("raspberry-pi-4", "openvino"),
    ("raspberry-pi-5", "onnxruntime"),
    ("x86-haswell", "onnxruntime"),
    ("x86-haswell", "openvino"),
    ("raspberry-pi-4", "litert-interpreter"),
    ("armv7", "tflite-runtime"),
]


def probe_of(runtime, folder):
    path = folder / FILES[runtime]
    probe.make(path)
    return runtimes.describe(path)


def network(path, *, channels=8, side=12):
    """Write a float ONNX file with convolutions, two inputs and two outputs, of any batch."""
    helper, rng = onnx.helper, np.random.default_rng(0)
    held = {
        "w1": rng.normal(size=(channels, 3, 3, 3)) / 5,
        "w2": rng.normal(size=(channels, channels, 3, 3)) / 8,
        "w3": rng.normal(size=(channels, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("MatMul", ["e", "w3"], ["scores"]),
        helper.make_node("Cast", ["count"], ["f"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Add", ["f", "e"], ["sums"]),
    ]
    kind = onnx.TensorProto
    ports = [
        helper.make_tensor_value_info("picture", kind.FLOAT, ["n", 3, side, side]),
        helper.make_tensor_value_info("count", kind.INT64, ["n", 1]),
        helper.make_tensor_value_info("scores", kind.FLOAT, ["n", 5]),
        helper.make_tensor_value_info("sums", kind.FLOAT, ["n", channels]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in held.items()
    ]
    graph = helper.make_graph(nodes, "network", ports[:2], ports[2:], constants)
    opset = [helper.make_opsetid("", 13)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    )
    return runtimes.describe(path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runtime"), WAYS)
def test_a_runtime_computes_what_is_known(name, runtime):
    assert EmulatedBackend().check(ready(name, runtime)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runtime"), WAYS)
def test_counts_of_three_processes_are_identical(name, runtime, tmp_path, monkeypatch):
    device, artifact = ready(name, runtime), probe_of(runtime, tmp_path)
    found = demand_one_result(device, artifact, tmp_path, monkeypatch)
    assert found.counts.instructions > probe.WIDTH * probe.WIDTH / 16
    assert found.counts.loads > 0
    assert found.counts.load_bytes >= found.counts.loads


@pytest.mark.slow
def test_a_file_with_several_inputs_and_outputs_computes_what_it_does_here(tmp_path):
    ready("raspberry-pi-4", "onnxruntime")
    artifact = network(tmp_path / "network.onnx")
    found = EmulatedBackend().measure(load_device("raspberry-pi-4"), artifact, Request())
    assert found.runtime == {"onnxruntime": "1.31.1"}
    assert found.agreement.samples == 4
    assert found.agreement.largest_difference < 1e-5
    assert found.warnings == ()
    assert found.counts.classes["float_mac"] * 4 >= 12 * 12 * 8 * 8 * 9
    assert {each.kind for each in found.operators} >= {"Conv", "MatMul", "runtime"}
    dearest = max(found.operators, key=lambda each: each.instructions or 0)
    assert "Conv" in dearest.kind
    assert sum(each.instructions or 0 for each in found.operators) == found.counts.instructions
    assert found.latency is None
    assert "latency" not in found.bases
    assert found.facts["latency"].startswith("not modelled")


@pytest.mark.slow
def test_samples_are_told_apart(tmp_path):
    device = ready("raspberry-pi-4", "onnxruntime")
    artifact = network(tmp_path / "network.onnx")
    rng = np.random.default_rng(1)
    samples = {
        "picture": rng.normal(size=(3, 3, 12, 12)).astype(np.float32),
        "count": np.array([[0], [7], [-3]]),
    }
    there = computed(declared(device)[0], Kit(device).tools(), artifact, samples)
    here = runtimes.open_runner(artifact).run(samples)
    for name in ("scores", "sums"):
        np.testing.assert_allclose(there[name], here[name], atol=1e-5)
    assert not np.allclose(there["sums"][0], there["sums"][1])


@pytest.mark.slow
def test_half_precision_of_a_newer_core_shows_as_a_warning(tmp_path):
    old, new = (ready(name, "openvino") for name in ("raspberry-pi-4", "raspberry-pi-5"))
    artifact = rounding(tmp_path)
    exact = EmulatedBackend().measure(old, artifact, Request())
    halved = EmulatedBackend().measure(new, artifact, Request())
    assert exact.warnings == ()
    assert any("computes differently" in warning for warning in halved.warnings)


def rounding(folder):
    """Return an OpenVINO file of convolutions: half precision loses three digits in it."""
    from edgekit.extras import load

    openvino = load("openvino")
    network(folder / "network.onnx", channels=32)
    model = openvino.Core().read_model(str(folder / "network.onnx"))
    model.reshape({"picture": [1, 3, 12, 12], "count": [1, 1]})
    path = folder / "network.xml"
    openvino.serialize(model, str(path))
    return runtimes.describe(path)


@pytest.mark.slow
def test_a_32_bit_board_agrees_with_reference_kernels(tmp_path):
    device = ready("armv7", "tflite-runtime")
    found = EmulatedBackend().measure(device, probe_of("tflite-runtime", tmp_path), Request())
    assert found.agreement.identical_share == 1.0
    assert found.agreement.reference.startswith("the reference kernels")
    assert found.warnings == ()
    (operator, rest) = found.operators
    assert (operator.kind, rest.kind) == ("FULLY_CONNECTED", "runtime")
    assert operator.instructions > probe.WIDTH * probe.WIDTH / 16
    assert sum(found.counts.classes.values()) == found.counts.instructions
    assert found.counts.classes["integer_mac"] > 0
    # What Python itself takes is more than that.
    assert probe.WIDTH * probe.WIDTH / 16 < found.counts.instructions < 100_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runtime"), WAYS[:2] + WAYS[-1:])
def test_a_file_that_the_runtime_refuses_is_named(name, runtime, tmp_path):
    device, artifact = ready(name, runtime), probe_of(runtime, tmp_path)
    content = artifact.path.read_bytes()
    artifact.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=r"probe\."):
        computed(
            declared(device)[0], Kit(device).tools(), artifact,
            {"in": np.zeros((1, probe.WIDTH), np.float32)},
        )  # fmt: skip


def test_a_board_takes_the_files_of_its_runtimes():
    board = load_device("raspberry-pi-4")
    assert runtimes_of(board) == [
        "ai-edge-litert", "onnxruntime", "openvino", "litert-interpreter",
    ]  # fmt: skip
    assert for_format(board, "tflite") is board
    chosen = for_format(board, "openvino")
    assert chosen.runtime.name == "openvino"
    assert install_command(board, board) == "edgekit devices install raspberry-pi-4"
    assert install_command(board, chosen).endswith("raspberry-pi-4 --runtime openvino")
    with pytest.raises(UnknownName, match="onnxruntime"):
        with_runtime(board, "onnxruntim")


def test_a_format_that_no_runtime_of_a_board_takes_is_refused(tmp_path):
    artifact = network(tmp_path / "network.onnx")
    with pytest.raises(ArtifactError, match="armv7 takes tflite files, got onnx"):
        taking(load_device("armv7"), artifact)


def test_runtimes_on_demand_are_no_part_of_a_plain_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    board = load_device("raspberry-pi-4")
    plain = {each.package for each in EmulatedBackend().needs(board)}
    more = EmulatedBackend().needs(with_runtime(board, "onnxruntime"))
    assert "ai-edge-litert" in plain
    assert {each.package for each in more} - plain == {"onnxruntime"}
    with pytest.raises(DeviceError, match="install raspberry-pi-4 --runtime openvino"):
        Kit(with_runtime(board, "openvino")).tools()


def test_bench_says_what_brings_a_runtime(tmp_path, monkeypatch):
    from edgekit.benchmarking import benchmark

    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    network(tmp_path / "network.onnx")
    with pytest.raises(DeviceError, match=r"install raspberry-pi-4 --runtime onnxruntime$"):
        benchmark(tmp_path / "network.onnx", "raspberry-pi-4")


def test_a_runtime_that_cannot_run_on_a_processor_is_refused():
    board = load_device("armv7")
    other = load_device("raspberry-pi-4").optional_runtimes[0]
    with pytest.raises(OptionError, match="tflite-runtime on armv7; got onnxruntime on armv7"):
        declared(dataclasses.replace(board, runtime=other))
