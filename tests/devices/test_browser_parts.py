"""What the browser's device is made of, without a browser."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from plain_python import plain_python
from waiting import wait_for

from edgekit import runtimes
from edgekit.artifact import Artifact, TensorSpec
from edgekit.devices import known_model, load_device
from edgekit.devices.browser import chromium
from edgekit.devices.browser.answers import Compared, _apart
from edgekit.devices.browser.chromium import Chromium, running
from edgekit.devices.browser.devtools import DevTools, Gone
from edgekit.devices.browser.fit import misfits, refusal, require_known
from edgekit.devices.browser.job import Made, arrays_of, decoded
from edgekit.devices.browser.kit import LITERT, ONNX, kit_of
from edgekit.devices.declaration import Runtime
from edgekit.errors import ArtifactError, DeviceError, OptionError


@pytest.fixture
def pipes() -> Iterator[tuple[DevTools, int, int]]:
    """A conversation, and the browser's ends of it."""
    (reading, their_writing), (their_reading, writing) = os.pipe(), os.pipe()
    yield DevTools(reading, writing), their_reading, their_writing
    for end in (reading, their_writing, their_reading, writing):
        try:
            os.close(end)
        except OSError:  # the test closed it
            continue


def test_answers_are_found_among_events_and_in_pieces(pipes) -> None:
    tools, reading, writing = pipes
    said = {"method": "Runtime.consoleAPICalled", "params": {"args": [{"value": "ERROR:\n no"}]}}
    first = json.dumps(said).encode() + b"\0" + b'{"id":1,"result":{"a'
    os.write(writing, first)
    os.write(writing, b'":2}}\0')
    assert tools.call("Some.thing", "session", b=3) == {"a": 2}
    sent = json.loads(os.read(reading, 1000).rstrip(b"\0"))
    assert sent == {"id": 1, "method": "Some.thing", "params": {"b": 3}, "sessionId": "session"}
    assert list(tools.console) == ["ERROR: no"]


@pytest.mark.parametrize(
    ("came", "text"),
    [
        (b'{"id":1,"error":{"message":"no such page"}}\0', "refuses Some.thing: no such page"),
        (b'{"method":"Inspector.targetCrashed","params":{}}\0', "the page crashed"),
        (b"nonsense\0", "no message"),
        (b"", r"expected the browser to answer Some.thing within 0.05 s, no answer came"),
    ],
)
def test_what_goes_wrong_in_a_conversation_is_a_line(pipes, came: bytes, text: str) -> None:
    tools, _, writing = pipes
    os.write(writing, came)
    with pytest.raises(DeviceError, match=text):
        tools.call("Some.thing", timeout_s=0.05)


def test_a_browser_that_is_gone_is_told_apart(pipes) -> None:
    tools, reading, writing = pipes
    os.close(writing)
    with pytest.raises(Gone):
        tools.call("Some.thing")
    os.close(reading)
    with pytest.raises(Gone):
        tools.call("Some.thing")


def program(path: Path, text: str) -> Chromium:
    path.write_text(f"#!{plain_python()}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Chromium(program=path)


def version(browser: Chromium, folder: Path, timeout_s: float = 30.0) -> None:
    with running(browser, folder, port=9) as tools:
        tools.call("Browser.getVersion", timeout_s=timeout_s)


def test_the_last_words_of_a_browser_that_ends_are_told(tmp_path: Path) -> None:
    text = "import sys; sys.stderr.write('x\\n[1:FATAL:z.cc(1)] No usable sandbox!\\ny\\n')"
    browser = program(tmp_path / "browser", text)
    with (
        pytest.raises(DeviceError, match=r"the browser ended: \[1:FATAL.* No usable sandbox!"),
        running(browser, tmp_path, port=9) as tools,
    ):
        tools.call("Browser.getVersion")


def alive(number: int) -> bool:
    """Whether a process still runs; a zombie, which only its parent can take away, does not."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_browser_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    text = (
        "import os, pathlib, time; other = os.fork()\n"
        "other and pathlib.Path('pid').write_text(str(other))\ntime.sleep(600)"
    )
    browser, other = program(tmp_path / "browser", text), tmp_path / "pid"
    with (
        pytest.raises(DeviceError, match="no answer came"),
        running(browser, tmp_path, port=9) as tools,
    ):
        wait_for(lambda: other.exists() and other.read_text())
        tools.call("Browser.getVersion", timeout_s=0.5)
    wait_for(lambda: not alive(int(other.read_text())))


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DeviceError, match="the browser ended: "),
        running(Chromium(program=tmp_path / "nothing"), tmp_path, port=9) as tools,
    ):
        tools.call("Browser.getVersion")


@pytest.mark.parametrize(("user", "free"), [(0, True), (1000, False)])
def test_the_sandbox_is_off_for_root_alone(
    user: int, free: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    command = chromium._command(Chromium(program=tmp_path / "browser"), tmp_path, 4711)
    assert ("--no-sandbox" in command) is free
    assert "--proxy-server=http://127.0.0.1:4711" in command
    assert f"--user-data-dir={tmp_path / 'profile'}" in command


def test_outputs_are_cut_from_their_bytes() -> None:
    first, second = np.arange(3, dtype=np.float32), np.array([[7], [8]], np.int64)
    told = [[Made(dtype="float32", shape=(3,)), Made(dtype="int64", shape=(2, 1))]]
    ((one, two),) = arrays_of(told, first.tobytes() + second.tobytes())
    np.testing.assert_array_equal(one, first)
    np.testing.assert_array_equal(two, second)


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("float32", (3,), 11), ("float32", (3,), 13), ("float99", (3,), 12), ("float32", (-1,), 12),
        ("float32", (1 << 62, 1 << 62), 12), ("object", (1,), 8),
    ],
)  # fmt: skip
def test_outputs_that_are_none_are_refused(dtype: str, shape: tuple[int, ...], size: int) -> None:
    with pytest.raises(DeviceError, match="the page gave"):
        arrays_of([[Made(dtype=dtype, shape=shape)]], bytes(size))


@pytest.mark.parametrize("text", ["", "undefined", "[]", '{"samples_ms": "x"}', '{"outputs": 3}'])
def test_answers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="no answer that can be read"):
        decoded(text)


def artifact(kind: str, *specs: TensorSpec) -> Artifact:
    return Artifact(path=Path(f"m.{kind}"), format=kind, inputs=specs[:1], outputs=specs[1:])


def test_int8_inputs_of_tflite_name_the_target_that_helps() -> None:
    real = TensorSpec(name="y", shape=(1, 2), dtype="float32")
    whole = TensorSpec(name="x", shape=(1, 4), dtype="int8", scale=0.5, zero_point=0)
    (said,) = misfits(artifact("tflite", whole, real))
    assert "'x' is int8" in said
    assert "tflite-int8-float-io" in said
    assert misfits(artifact("tflite", real, real)) == []
    assert misfits(artifact("onnx", whole, real)) == []
    (said,) = misfits(artifact("tflite", real, replace(whole, scale=None, dtype="int64")))
    assert said.endswith("convert the model with float inputs and outputs")


def test_other_formats_are_refused_with_advice() -> None:
    with pytest.raises(ArtifactError, match=r"takes TFLite and ONNX files, got openvino; convert"):
        require_known(load_device("chromium-wasm"), artifact("openvino"))


def test_a_refusal_of_a_file_with_open_shapes_says_what_to_do() -> None:
    spec = TensorSpec(name="x", shape=(None, 4), dtype="float32")
    assert "x are open" in refusal(artifact("tflite", spec, spec), "inference", "no")
    assert refusal(artifact("onnx", spec, spec), "file", "no") == (
        "ONNX Runtime for the web refuses the file: no"
    )


def test_a_device_may_ask_for_another_version_of_a_runtime() -> None:
    plain = load_device("chromium-wasm")
    kit = kit_of(replace(plain, runtime=Runtime(name=LITERT.name, version="2.5.2")))
    assert {place: one.version for place, one in kit.packages.items()} == {
        "litert": "2.5.2", "wasm-utils": "2.5.2", "ort": ONNX.version,
    }  # fmt: skip
    with pytest.raises(OptionError, match=r"expected runtime @litertjs/core or onnxruntime-web"):
        kit_of(replace(plain, runtime=Runtime(name="tfjs")))


def test_the_known_file_has_real_ports_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content(real_ports=True))
    described = runtimes.describe(path)
    assert [spec.dtype for spec in (*described.inputs, *described.outputs)] == ["float32"] * 2
    made = runtimes.open_runner(described).run({described.inputs[0].name: known_model.samples()})
    np.testing.assert_array_equal(made[described.outputs[0].name], known_model.expected())


def test_real_outputs_that_are_far_off_are_doubted() -> None:
    reference = {"y": np.float32([[0, 1, 10]])}
    near, far = ({"y": reference["y"] + apart} for apart in (0.4, 0.6))
    assert list(_apart(Compared(outputs=near, reference=reference))) == []
    (said,) = _apart(Compared(outputs=far, reference=reference))
    assert said.startswith("the page computes differently: 'y' is up to 0.6")
    lost = {"y": np.float32([[0, np.nan, 10]])}
    assert len(list(_apart(Compared(outputs=lost, reference=reference)))) == 1
