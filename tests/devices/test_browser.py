"""Files in a page of a real browser."""

from __future__ import annotations

import re
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
from edgekit.devices.browser import BrowserBackend, visit
from edgekit.devices.browser.chromium import found, running
from edgekit.devices.browser.site import Site, serving
from edgekit.errors import ArtifactError, DeviceError, OptionError
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
WHOLE = f"{TINY}/visual_wake_words/trained_models/vww_96_int8.tflite"
OPEN = f"{TINY}/image_classification/trained_models/pretrainedResnet_large_float.tflite"
LSTM = "mnist10k_lstm/trained_lstm.tflite"


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


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (WHOLE, "'input_1_int8' is int8: convert the model for the target tflite-int8-float-io"),
        (LSTM, "LiteRT.js refuses the file: .*Variable tensors not yet supported"),
        (OPEN, "LiteRT.js failed while it ran the file: .* input_5 are open"),
    ],
)
def test_what_cannot_run_is_a_misfit_that_says_why(assets: Path, file: str, text: str) -> None:
    artifact = runtimes.describe(assets / file)
    got = measured(artifact)
    assert got.latency is None
    assert re.search(text, got.misfits[0])
    assert "\n" not in got.misfits[0]
    with pytest.raises(ArtifactError, match=text):
        BROWSER.outputs(DEVICE, artifact, default_samples(artifact))


def test_outputs_after_an_error_that_the_runtime_swallows_are_not_believed(tmp_path: Path) -> None:
    """A page has not the 576 MB that this takes; LiteRT.js says so, and goes on."""
    from ai_edge_litert import schema_py_generated as schema

    many = 12_000
    model = tflite_edit.blank()
    row, column = np.zeros((1, many, 1), np.float32), np.ones((1, 1, many), np.float32)
    x = tflite_edit.tensor(model, "x", (1, 1, 1), "float32")
    constants = [tflite_edit.tensor(model, "c", a.shape, "float32", value=a) for a in (row, column)]
    axis = tflite_edit.tensor(model, "axis", (1,), "int32", value=np.array([2]))
    shapes = ((1, many, 1), (1, many, many), (1, many, 1))
    made = [tflite_edit.tensor(model, "t", shape, "float32") for shape in shapes]
    keep = schema.ReducerOptionsT()
    keep.keepDims = True
    model.subgraphs[0].operators = [
        tflite_edit.operator(model, "ADD", [x, constants[0]], made[:1], schema.AddOptionsT()),
        tflite_edit.operator(
            model, "ADD", [made[0], constants[1]], [made[1]], schema.AddOptionsT()
        ),
        tflite_edit.operator(model, "SUM", [made[1], axis], [made[2]], keep),
    ]
    model.subgraphs[0].inputs, model.subgraphs[0].outputs = [x], [made[2]]
    tflite.sign(model, ["x"], ["y"])
    path = tmp_path / "large.tflite"
    path.write_bytes(tflite.pack(model))
    artifact = runtimes.describe(path)
    with pytest.raises(ArtifactError, match=r"LiteRT.js failed while it ran .* allocate tensors"):
        BROWSER.outputs(DEVICE, artifact, {"x": np.zeros((1, 1, 1), np.float32)})


def test_damaged_files_are_a_line(known: Artifact) -> None:
    content = bytearray(known.path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    samples = {known.inputs[0].name: known_model.samples()[:1]}
    known.path.write_bytes(content)
    with pytest.raises((ArtifactError, DeviceError)) as raised:
        BROWSER.outputs(DEVICE, known, samples)
    assert "\n" not in str(raised.value)


def test_threads_are_used_if_asked_for(known: Artifact) -> None:
    got = measured(known, replace(QUICK, threads=2))
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


def test_a_page_that_crashes_is_a_line_and_nothing_stays(
    known: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_RUN", "new Promise(() => {})")
    plain = visit.DevTools.call

    def call(self: Any, method: str, session: str = "", **rest: Any) -> Any:
        method = "Page.crash" if method == "Runtime.evaluate" else method
        return plain(self, method, session, **({} if method == "Page.crash" else rest))

    monkeypatch.setattr(visit.DevTools, "call", call)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "passing"))
    with pytest.raises(DeviceError, match="the page crashed"):
        measured(known)
    assert list((tmp_path / "passing").iterdir()) == []


def test_a_page_that_hangs_is_given_up(known: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "_RUN", "new Promise(() => {})")
    monkeypatch.setattr(visit, "TIMEOUT_S", 1.0)
    with pytest.raises(DeviceError, match=r"within 1 s, no answer came"):
        measured(known, replace(QUICK, min_seconds=0.0))


def test_no_page_reaches_another_host(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(Site):
        def at(self, path: str) -> bytes | Path | None:
            asked.append(path)
            return super().at(path)

    browser = found()
    assert browser is not None
    site = Listening(files={"index.html": b""}, may_post=frozenset())
    with serving(site) as address, running(browser, tmp_path, port=port_of(address)) as tools:
        (page,) = [
            one for one in tools.call("Target.getTargets")["targetInfos"] if one["type"] == "page"
        ]
        session = tools.call(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True
        )["sessionId"]  # fmt: skip
        for place in ("http://192.0.2.1/by-number", "http://example.invalid/by-name"):
            tools.call("Page.navigate", session, url=place)
        told = tools.call("Page.navigate", session, url="https://192.0.2.1/secret")
    assert {"http://192.0.2.1/by-number", "http://example.invalid/by-name"} <= set(asked)
    assert told["errorText"]


def port_of(address: str) -> int:
    return int(address.split(":")[2].split("/")[0])
