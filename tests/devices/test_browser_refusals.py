"""What goes wrong in a page of a real browser, and what a page cannot reach."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.devices import DeviceMeasurement, Request, known_model, load_device
from edgekit.devices.agreement import default_samples
from edgekit.devices.browser import BrowserBackend, visit
from edgekit.devices.browser.chromium import found, running
from edgekit.devices.browser.site import Site, serving
from edgekit.errors import ArtifactError, DeviceError
from edgekit.formats import tflite, tflite_edit

DEVICE = load_device("chromium-wasm")
BROWSER = BrowserBackend()
pytestmark = pytest.mark.skipif(
    bool(BROWSER.needs(DEVICE)),
    reason="the browser's device is not installed: edgekit devices install chromium-wasm",
)
QUICK = Request(warmup=2, min_runs=12, min_seconds=0.0)
TINY = "mlperf_tiny_models"
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
