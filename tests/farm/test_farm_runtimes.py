"""Emulated boards that lack an optional runtime: told before anything runs, and nobody's fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import edgekit
from edgekit.devices.backend import Stores, backend_of
from edgekit.devices.declaration import Device, load_device
from edgekit.devices.emulated import probe
from edgekit.devices.provision import store
from edgekit.devices.quarantine import quarantine_of
from edgekit.devices.readiness import see
from edgekit.errors import DeviceError
from edgekit.farm.schedule import Fleet
from edgekit.farm.task import Task, perform
from edgekit.farming import JOURNAL

pytest.importorskip("onnx")

Lab = Callable[..., Path]
Plan = Callable[..., Path]
HINT = r"needs install: lacks onnxruntime .*edgekit devices install {} --runtime onnxruntime"


@pytest.fixture(autouse=True)
def board(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A board of the lab that has LiteRT, as far as can be seen, and no other runtime."""
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "store"))
    shipped = Path(edgekit.__file__).parents[1] / "devicefarm/raspberry-pi-4.toml"
    text = shipped.read_text().replace('name = "raspberry-pi-4"', 'name = "board"', 1)
    lines = [line for line in text.splitlines() if not line.startswith("labels")]
    lines.insert(3, 'labels = ["shelf"]')
    path = lab("timed", "desk", outcomes=["ok"] * 9) / "board.toml"
    path.write_text("\n".join(lines))
    device = load_device(str(path))
    backend = backend_of(device)
    assert isinstance(backend, Stores)
    for name in backend.folders(device):
        store.place(name).mkdir(parents=True)
    return device


@pytest.fixture
def onnx_files(tmp_path: Path) -> list[str]:
    probe.make(tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_bytes((tmp_path / "a.onnx").read_bytes())
    return ["a.onnx", "b.onnx"]


def test_each_format_is_asked_for(board: Device) -> None:
    assert see(board).lacking == {}
    assert see(board, ["tflite"]).lacking == {}
    seen = see(board, ["tflite", "onnx", "openvino"])
    assert seen.state.readiness == "ready"
    assert set(seen.lacking) == {"onnx", "openvino"}
    assert see(board, ["onnx"]).state.readiness == "needs install"


def test_a_named_device_fails_with_the_hint_before_anything_runs(
    plan: Plan, tmp_path: Path, board: Device, onnx_files: list[str]
) -> None:
    probe.make(tmp_path / "c.tflite")
    path = plan(files=[*onnx_files, "c.tflite"], devices=["timed", "board"])
    with pytest.raises(DeviceError, match="^board: " + HINT.format("board") + "$"):
        edgekit.submit(path, out=tmp_path / "out")
    assert not (tmp_path / "timed.outcomes").exists()
    assert quarantine_of(board) is None


def test_of_a_pool_those_are_given_files_that_take_them(
    lab: Lab, plan: Plan, tmp_path: Path, board: Device, onnx_files: list[str]
) -> None:
    lab("other", "shelf", latency_ms=1.0)
    found = edgekit.submit(plan(files=onnx_files, pools=["shelf"]), out=tmp_path / "out")
    assert (found.done, found.failed) == (2, 0)
    with sqlite3.connect(tmp_path / "out" / JOURNAL) as db:
        assert db.execute("SELECT DISTINCT device, attempts FROM jobs").fetchall() == [("other", 1)]
    assert quarantine_of(board) is None


def test_a_pool_without_the_runtime_fails_with_the_hint_and_is_not_blamed(
    plan: Plan, tmp_path: Path, board: Device, onnx_files: list[str]
) -> None:
    path = plan(files=onnx_files, pools=["shelf", "desk"])
    with pytest.raises(
        DeviceError, match="2 of 4 jobs failed: .*" + HINT.format("board")
    ) as caught:
        edgekit.submit(path, out=tmp_path / "out")
    assert (caught.value.farm.done, caught.value.farm.failed) == (2, 2)
    with sqlite3.connect(tmp_path / "out" / JOURNAL) as db:
        assert db.execute("SELECT COUNT(*) FROM attempts").fetchone() == (0,)
    assert quarantine_of(board) is None


def test_a_runtime_that_goes_in_the_middle_is_neither_a_loss_nor_a_failure(
    tmp_path: Path, board: Device, onnx_files: list[str]
) -> None:
    outcome = perform(Task(device=board, file=str(tmp_path / onnx_files[0])))
    assert outcome.verdict == "unready"
    assert "onnxruntime" in outcome.error


def test_bench_takes_the_device_of_a_pool_that_takes_the_file(
    lab: Lab, tmp_path: Path, onnx_files: list[str]
) -> None:
    folder = lab("other", "shelf", latency_ms=1.0)
    found = edgekit.benchmark(
        tmp_path / onnx_files[0], pools=["shelf"], inventory=[folder], min_runs=1, min_seconds=0
    )
    assert [one.device for one in found.measurements] == ["other"]


def test_what_nobody_takes_waits_for_those_that_may_come_back(board: Device) -> None:
    two = load_device("x86-haswell")
    fleet = Fleet([board, two], {"pool:p": [board, two]}, cpus=1)
    one, other = fleet.members.values()
    one.lacking = {"onnx": "it lacks it", "openvino": "it lacks that"}
    other.standing = "resting"
    assert fleet.taken_by_nobody("pool:p") == {}
    assert list(fleet.taken_by_nobody("board")) == ["onnx", "openvino"]
    other.lacking = {"onnx": "so does this"}
    assert fleet.taken_by_nobody("pool:p") == {
        "onnx": "board: it lacks it; x86-haswell: so does this"
    }
    other.standing = "apart"
    assert list(fleet.taken_by_nobody("pool:p")) == ["onnx", "openvino"]


def test_a_device_without_work_that_it_takes_gives_its_processor_away(board: Device) -> None:
    two = load_device("x86-haswell")
    fleet = Fleet([board, two], {"pool:p": [board, two]}, cpus=1)
    queued = {"pool:p"}
    assert [m.device.name for m in fleet.may_start(queued)] == ["board"]
    assert [m.device.name for m in fleet.may_start(queued, {"board"})] == ["x86-haswell"]
