"""Files in a page of a real browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.devices import DeviceMeasurement, Request, known_model, load_device
from edgekit.devices.agreement import default_samples, here
from edgekit.devices.browser import BrowserBackend, known_onnx
from edgekit.errors import OptionError
from edgekit.formats import tflite, tflite_edit

DEVICE = load_device("chromium-wasm")
BROWSER = BrowserBackend()
pytestmark = pytest.mark.skipif(
    bool(BROWSER.needs(DEVICE)),
    reason="the browser's device is not installed: edgekit devices install chromium-wasm",
)
QUICK = Request(warmup=2, min_runs=12, min_seconds=0.0)
TINY = "mlperf_tiny_models"
FLOAT = f"{TINY}/visual_wake_words/trained_models/vww_96_float.tflite"


@pytest.fixture
def known(tmp_path: Path) -> Artifact:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content(real_ports=True))
    return runtimes.describe(path)


def measured(artifact: Artifact, request: Request = QUICK) -> DeviceMeasurement:
    return BROWSER.measure(DEVICE, artifact, request)


def test_the_known_file_comes_out_as_it_must() -> None:
    assert BROWSER.check(DEVICE) == []


def test_single_inferences_are_timed_and_everything_is_told(known: Artifact) -> None:
    got = measured(known, replace(QUICK, min_runs=100))
    latency = got.latency
    assert latency is not None
    assert (latency.basis, latency.threads) == ("measured", 1)
    batch = int(got.facts["inferences a sample"])
    assert batch * len(latency.samples_ms) >= 100
    assert len(latency.samples_ms) >= 12
    step_ms = float(got.facts["clock_step_us"]) / 1e3
    assert batch * latency.ms >= 50 * step_ms
    assert latency.low_ms <= latency.ms <= latency.high_ms
    assert float(got.facts["wasm_heap_kib"]) * 1024 >= known.size_bytes
    assert got.memory.peak_kib is None or got.memory.peak_kib > float(got.facts["wasm_heap_kib"])
    assert got.runtime["@litertjs/core"] == "2.5.3"
    assert got.agreement is not None
    assert got.agreement.identical_share == 1.0


def test_a_real_model_computes_what_it_does_here(assets: Path) -> None:
    artifact = runtimes.describe(assets / FLOAT)
    samples = default_samples(artifact, count=3, seed=1)
    made = BROWSER.outputs(DEVICE, artifact, samples)
    for name, rows in here(artifact, samples).items():
        np.testing.assert_allclose(made[name], rows, atol=1e-5)


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_threads_are_used_if_asked_for(
    known: Artifact, onnx_file: Callable[..., Artifact], kind: str
) -> None:
    got = measured(onnx_file("FLOAT") if kind == "onnx" else known, replace(QUICK, threads=2))
    assert got.latency is not None
    assert got.latency.threads == 2
    assert got.agreement is not None
    assert got.agreement.identical_share == 1.0


def test_numbers_that_mean_nothing_are_refused(known: Artifact) -> None:
    with pytest.raises(OptionError, match="min_runs >= 1"):
        measured(known, replace(QUICK, min_runs=0))


@pytest.fixture
def crossed(tmp_path: Path) -> Artifact:
    """a - b and a + b, whose signature names inputs in another order than the graph has them."""
    from ai_edge_litert import schema_py_generated as schema

    model = tflite_edit.blank()
    ports = [tflite_edit.tensor(model, name, (1, 2), "float32") for name in "zapq"]
    z, a, less, more = ports
    graph = model.subgraphs[0]
    graph.operators = [
        tflite_edit.operator(model, "SUB", [a, z], [less], schema.SubOptionsT()),
        tflite_edit.operator(model, "ADD", [a, z], [more], schema.AddOptionsT()),
    ]
    graph.inputs, graph.outputs = [z, a], [more, less]
    tflite.sign(model, ["zet", "alpha"], ["total", "difference"])
    path = tmp_path / "crossed.tflite"
    path.write_bytes(tflite.pack(model))
    return runtimes.describe(path)


def test_inputs_and_outputs_keep_their_names(crossed: Artifact) -> None:
    samples = {"alpha": np.float32([[5, 6], [1, 1]]), "zet": np.float32([[1, 2], [0, 3]])}
    made = BROWSER.outputs(DEVICE, crossed, samples)
    np.testing.assert_array_equal(made["difference"], [[4, 4], [1, -2]])
    np.testing.assert_array_equal(made["total"], [[6, 8], [1, 4]])


@pytest.fixture
def onnx_file(tmp_path: Path) -> Callable[..., Artifact]:
    """y = x + x, as ONNX, of any type and batch."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")

    def make(dtype: str, batch: Any = 1) -> Artifact:
        kind = getattr(onnx.TensorProto, dtype)
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Add", ["x", "x"], ["y"])], "double",
            [onnx.helper.make_tensor_value_info("x", kind, [batch, 3])],
            [onnx.helper.make_tensor_value_info("y", kind, [batch, 3])],
        )  # fmt: skip
        opset = [onnx.helper.make_opsetid("", 17)]
        path = tmp_path / f"{dtype}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
        return runtimes.describe(path)

    return make


@pytest.mark.parametrize(("dtype", "batch"), [("FLOAT", "n"), ("INT64", 1), ("FLOAT16", 2)])
def test_onnx_files_run_with_any_numbers(
    onnx_file: Callable[..., Artifact], dtype: str, batch: Any
) -> None:
    rows = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    made = BROWSER.outputs(DEVICE, onnx_file(dtype, batch), {"x": rows})
    np.testing.assert_array_equal(made["y"], 2 * rows)


def test_onnx_files_are_measured(onnx_file: Callable[..., Artifact]) -> None:
    got = measured(onnx_file("FLOAT"))
    assert got.latency is not None
    assert got.runtime["onnxruntime-web"]
    assert got.agreement is not None
    assert got.agreement.identical_share == 1.0


@pytest.mark.parametrize("known", [known_model, known_onnx])
def test_a_known_file_that_comes_out_wrong_is_told(
    known: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known is known_onnx:
        pytest.importorskip("onnxruntime")
    monkeypatch.setattr(known, "expected", lambda: known.samples() - 1e6)
    (said,) = BROWSER.check(DEVICE)
    assert "outputs of a known" in said
