"""Files that keep state: how it is seen, what runs them, and what comes out."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import stateful_files as files
from exactness import demand_one_result
from installed import ready

from edgekit import runtimes
from edgekit.benchmarking import benchmark
from edgekit.devices import Request, load_device
from edgekit.devices.emulated import EmulatedBackend, probe
from edgekit.devices.emulated.inference import studied
from edgekit.devices.emulated.tools import Kit, declared, taking
from edgekit.devices.operators.file import FileOperators
from edgekit.devices.runtime_choice import WITH_STATE, kind_of, with_runtime
from edgekit.devices.state import state_of
from edgekit.errors import ArtifactError, DeviceError

WAYS = [
    ("raspberry-pi-4", "litert-interpreter"),
    ("raspberry-pi-5", "litert-interpreter"),
    ("x86-haswell", "litert-interpreter"),
    ("armv7", "tflite-runtime"),
]


@pytest.fixture
def filtering(tmp_path):
    return runtimes.describe(files.filtering(tmp_path / "filtering.tflite"))


@pytest.fixture
def summing(tmp_path):
    return runtimes.describe(files.summing(tmp_path / "summing.tflite"))


@pytest.fixture
def plain(tmp_path):
    probe.make(tmp_path / "probe.tflite")
    return runtimes.describe(tmp_path / "probe.tflite")


def test_state_is_seen_in_the_files_tensors(filtering, summing, plain):
    assert [state_of(each) for each in (filtering, summing, plain)] == [
        "variables", "resources", "none",
    ]  # fmt: skip
    assert [kind_of(each) for each in (filtering, summing, plain)] == [
        WITH_STATE, WITH_STATE, "tflite",
    ]  # fmt: skip


def test_state_of_a_body_is_seen_too(plain):
    from edgekit.formats import tflite

    model = tflite.parse(plain.path.read_bytes())
    body = tflite.parse(plain.path.read_bytes()).subgraphs[0]
    body.tensors[0].isVariable = True
    model.subgraphs.append(body)
    plain.path.write_bytes(tflite.pack(model))
    assert state_of(plain) == "variables"


def test_openvino_variables_are_seen_and_onnx_has_none(tmp_path):
    pytest.importorskip("openvino")
    probe.make(tmp_path / "probe.xml")
    artifact = runtimes.describe(tmp_path / "probe.xml")
    assert state_of(artifact) == "none"
    content = artifact.path.read_text().replace('type="MatMul"', 'type="ReadValue"')
    artifact.path.write_text(content)
    assert state_of(artifact) == "resources"
    assert kind_of(artifact) == "openvino"
    assert state_of(dataclasses.replace(artifact, format="onnx")) == "none"


def test_without_the_schema_a_file_is_taken_as_it_was(filtering, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)
    assert kind_of(filtering) == "tflite"


def test_a_damaged_file_is_one_line(filtering):
    content = bytearray(filtering.path.read_bytes())
    content[0:4] = b"\xff\xff\xff\x7f"
    filtering.path.write_bytes(content)
    with pytest.raises(ArtifactError, match="cut short or damaged"):
        state_of(filtering)


@pytest.mark.parametrize("name", ["raspberry-pi-3", "raspberry-pi-4", "cortex-a55", "x86-nehalem"])
def test_what_keeps_state_goes_to_the_interpreter_and_nothing_else_does(name, filtering, plain):
    board = load_device(name)
    assert taking(board, filtering).runtime.name == "litert-interpreter"
    assert taking(board, plain).runtime.name == "ai-edge-litert"
    assert taking(load_device("armv7"), filtering).runtime.name == "tflite-runtime"


def test_a_board_without_the_interpreter_says_what_it_needs(filtering):
    board = dataclasses.replace(load_device("raspberry-pi-4"), optional_runtimes=())
    with pytest.raises(ArtifactError, match=r"keeps state .*litert-interpreter"):
        taking(board, filtering)


def test_bench_says_what_brings_the_interpreter(filtering, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    with pytest.raises(DeviceError, match=r"raspberry-pi-4 --runtime litert-interpreter$"):
        benchmark(filtering.path, "raspberry-pi-4")


def test_the_plugin_alone_does_not_pass_for_runners_too(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    board = load_device("raspberry-pi-4")
    named = [set(Kit(with_runtime(board, name)).folders()) for name in (
        "ai-edge-litert", "litert-interpreter",
    )]  # fmt: skip
    assert not any(name.startswith("emulator-") for name in named[0] & named[1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runtime"), WAYS)
def test_counts_of_three_processes_are_identical(name, runtime, filtering, tmp_path, monkeypatch):
    ready(name, runtime)
    board = load_device(name)  # which is to choose the runtime itself
    found = demand_one_result(board, filtering, tmp_path, monkeypatch)
    rows = found.operators
    assert [row.kind for row in rows] == ["SVDF", "runtime"]
    assert sum(row.instructions for row in rows) == found.counts.instructions
    # Four rows of ten products, and four of three: no operator takes less.
    assert rows[0].instructions > 52
    counts = found.counts
    assert 500 < counts.instructions < 20_000
    assert sum(counts.classes.values()) == counts.instructions
    assert counts.classes.get("float_mac", 0) + counts.classes["float"] > 0
    assert found.runtime == {runtime: with_runtime(board, runtime).runtime.version}
    assert found.agreement.samples == 4
    assert found.agreement.largest_difference < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("name", "runtime"), WAYS)
def test_each_sample_begins_anew(name, runtime, filtering, summing):
    ready(name, runtime)
    board = load_device(name)  # which is to choose the runtime itself
    rows = np.arange(15, dtype=np.float32).reshape(5, files.INPUTS) / 7
    found = EmulatedBackend().outputs(board, filtering, {"in": rows})["out"]
    np.testing.assert_allclose(found, files.filtered(rows), rtol=1e-5, atol=1e-6)
    pairs = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    found = EmulatedBackend().outputs(board, summing, {"in": pairs})["out"]
    np.testing.assert_array_equal(found, pairs)


@pytest.mark.slow
def test_a_latency_of_other_kernels_is_called_a_guess(filtering):
    ready("raspberry-pi-4", "litert-interpreter")
    found = EmulatedBackend().measure(load_device("raspberry-pi-4"), filtering, Request())
    (warning,) = found.warnings
    assert "is a guess" in warning
    assert "without state" in warning
    assert found.latency.high_ms >= 1.5 * found.latency.ms


@pytest.mark.slow
def test_what_xnnpack_took_over_is_a_row_of_its_own(summing):
    device = ready("raspberry-pi-4", "litert-interpreter")
    found = EmulatedBackend().measure(device, summing, Request())
    rows = {row.kind: row for row in found.operators}
    assert rows["CALL_ONCE"].instructions is not None
    assert rows["ADD"].where == "cpu, not told apart"
    assert rows["XNNPACK"].instructions > 0
    assert sum(row.instructions or 0 for row in found.operators) == found.counts.instructions


@pytest.mark.slow
@pytest.mark.parametrize("name", ["raspberry-pi-4", "x86-haswell"])
def test_the_interpreter_runs_the_kernels_of_the_c_interface(name, plain):
    counts = []
    for runtime in ("ai-edge-litert", "litert-interpreter"):
        device = ready(name, runtime)
        cpu, _ = declared(device)
        operators = FileOperators.read(plain.path)
        found = studied(cpu, Kit(device).tools(), plain, operators, Request(operators=False))
        counts.append(found.counts)
        assert found.agreement.identical_share == 1.0
    native, python = counts
    # What moves buffers in and out of the C interface, and no more.
    assert 0 < native.instructions - python.instructions < 8_000
    assert native.classes["integer_mac"] == python.classes["integer_mac"] > 0
