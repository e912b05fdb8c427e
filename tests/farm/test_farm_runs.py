"""Plans on fake devices, in real processes: what is done, repeated, given up, and told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import jsonschema
import pytest

import edgekit
from edgekit.devices.declaration import load_device
from edgekit.devices.quarantine import quarantine_of, release
from edgekit.errors import BudgetMissed, DeviceError
from edgekit.farm.results import missed
from edgekit.farming import JOURNAL, FarmRun
from edgekit.report.schema import json_schema

Lab = Callable[..., Path]
Files = Callable[[int], list[str]]
Plan = Callable[..., Path]


def rows(out: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(out / JOURNAL) as db:
        return db.execute(query).fetchall()


def failed(plan: Path, out: Path) -> FarmRun:
    with pytest.raises(DeviceError) as caught:
        edgekit.submit(plan, out=out)
    found: FarmRun = caught.value.farm
    return found


def test_each_file_is_measured_on_each_device_and_once_in_each_pool(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", "board", latency_ms=1.0)
    lab("two", "board", "linux", latency_ms=2.0)
    lab("three", "linux", latency_ms=3.0)
    out = tmp_path / "out"
    path = plan(files=files(4), devices=["one"], pools=["board", "board+linux"])
    found = edgekit.submit(path, out=out)
    assert (found.done, found.failed, found.again) == (12, 0, 0)
    assert rows(out, "SELECT DISTINCT device FROM jobs WHERE place = 'one'") == [("one",)]
    assert rows(out, "SELECT DISTINCT device FROM jobs WHERE place = 'pool:board+linux'") == [
        ("two",)
    ]
    in_pool = rows(out, "SELECT DISTINCT device FROM jobs WHERE place = 'pool:board'")
    assert set(in_pool) <= {("one",), ("two",)}


def test_the_document_is_that_of_bench(lab: Lab, files: Files, plan: Plan, tmp_path: Path) -> None:
    lab("good")
    lab("bad", unreachable=True, outcomes=["lost"] * 20)
    found = failed(plan(files=files(2), devices=["good", "bad"]), tmp_path / "out")
    document = json.loads(found.document.read_text())
    jsonschema.validate(document, json_schema("benchmark"))
    assert [one["device"] for one in document["measurements"]] == ["good", "good"]
    assert [one["device"] for one in document["failures"]] == ["bad", "bad"]


def test_the_same_plan_again_repeats_nothing_and_a_longer_one_only_what_is_new(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", outcomes=["ok"] * 9)
    counted = tmp_path / "one.outcomes"
    names = files(3)
    edgekit.submit(plan(files=names[:2], devices=["one"]), out=tmp_path / "out")
    assert counted.stat().st_size == 2
    again = edgekit.submit(plan(files=names[:2], devices=["one"]), out=tmp_path / "out")
    assert (again.done, again.again, counted.stat().st_size) == (2, 2, 2)
    longer = edgekit.submit(plan(files=names, devices=["one"]), out=tmp_path / "out")
    assert (longer.done, longer.again, counted.stat().st_size) == (3, 2, 3)


def test_a_changed_file_is_measured_again(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one")
    path = plan(files=files(1), devices=["one"])
    edgekit.submit(path, out=tmp_path / "out")
    file = tmp_path / "file-0.tflite"
    file.write_bytes(file.read_bytes() + bytes(64))
    found = edgekit.submit(path, out=tmp_path / "out")
    assert (found.done, found.again) == (1, 0)


@pytest.mark.parametrize("outcome", ["failed", "lost", "dies", "hangs"])
def test_what_one_device_of_a_pool_fails_at_another_does(
    outcome: str, lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("weak", "pool", outcomes=[outcome])
    lab("sound", "pool", seconds=0.05)
    path = plan(files=files(6), pools=["pool"], timeout_s=2.0)
    found = edgekit.submit(path, out=tmp_path / "out")
    assert (found.done, found.failed) == (6, 0)
    (key, device, verdict, error), *more = rows(tmp_path / "out", "SELECT * FROM attempts")
    assert (device, verdict, more) == ("weak", "lost" if outcome == "lost" else "failed", [])
    assert rows(tmp_path / "out", f"SELECT device FROM jobs WHERE key = '{key}'") == [("sound",)]
    told = {"failed": "failed, as", "lost": "lost, as", "dies": "died", "hangs": "within 2 s"}
    assert told[outcome] in str(error)


def test_a_named_device_is_tried_three_times_and_the_others_go_on(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("weak", outcomes=["failed"] * 3)
    lab("sound")
    found = failed(plan(files=files(1), devices=["weak", "sound"]), tmp_path / "out")
    assert (found.done, found.failed) == (1, 1)
    assert rows(tmp_path / "out", "SELECT attempts FROM jobs WHERE state = 'failed'") == [(3,)]
    again = edgekit.submit(plan(files=files(1), devices=["weak", "sound"]), out=tmp_path / "out")
    assert (again.done, again.again) == (2, 1)


def test_a_device_that_fails_at_three_files_is_kept_apart_until_it_is_released(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    folder = lab("weak", outcomes=["failed"] * 3)
    path = plan(files=files(5), devices=["weak"], attempts=1)
    found = failed(path, tmp_path / "out")
    assert (found.done, found.failed) == (0, 5)
    assert (tmp_path / "weak.outcomes").stat().st_size == 3
    weak = load_device(str(folder / "weak.toml"))
    quarantine = quarantine_of(weak)
    assert quarantine is not None
    assert "failed at 3 jobs in a row" in quarantine.why
    still = failed(path, tmp_path / "out")
    assert "quarantine" in still.failures[0]
    assert (tmp_path / "weak.outcomes").stat().st_size == 3
    assert release("weak")
    assert edgekit.submit(path, out=tmp_path / "out").done == 5


def test_a_pool_whose_devices_are_all_gone_ends_with_the_reason(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("a", "pool", unreachable=True, outcomes=["lost"] * 30)
    lab("b", "pool", unreachable=True, outcomes=["lost"] * 30)
    found = failed(plan(files=files(3), pools=["pool"], attempts=9), tmp_path / "out")
    assert (found.done, found.failed) == (0, 3)
    assert "not there 3 times in a row" in found.failures[0]


def test_a_device_that_is_not_installed_is_told_before_anything_runs(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path / "empty"))
    lab("one", "micro", outcomes=["ok"])
    names = files(2)
    with pytest.raises(DeviceError, match="raspberry-pi-4: needs install"):
        edgekit.submit(plan(files=names, devices=["one", "raspberry-pi-4"]), out=tmp_path / "out")
    assert not (tmp_path / "one.outcomes").exists()
    lab("two", "arm64")
    found = edgekit.submit(plan(files=names, pools=["arm64"]), out=tmp_path / "out")
    assert found.done == 2


def test_a_file_that_no_device_could_run_is_tried_once(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", "pool")
    names = files(1)
    path = plan(files=names, pools=["pool"], measure={"data": "wrong.npz"})
    import numpy as np

    np.savez(tmp_path / "wrong.npz", nothing=np.zeros((3, 3), np.float32))
    with pytest.raises(edgekit.errors.DataError):
        edgekit.submit(path, out=tmp_path / "out")


def test_budgets_are_held_against_every_result(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("slow", latency_ms=1e6)
    path = plan(files=files(2), devices=["slow"], budget={"latency_ms": 1.0})
    with pytest.raises(BudgetMissed, match=r"slow: file-0.tflite: latency_ms is") as caught:
        edgekit.submit(path, out=tmp_path / "out")
    assert caught.value.farm.done == 2
    assert len(caught.value.farm.missed) == 2
    assert (
        edgekit.submit(
            plan(files=files(2), devices=["slow"], budget={"latency_ms": 1e9}), out=tmp_path / "out"
        ).again
        == 2
    )


def lines(found: Iterable[str]) -> list[str]:
    return list(found)


def test_no_budget_asks_for_nothing(lab: Lab, files: Files, plan: Plan, tmp_path: Path) -> None:
    from edgekit.farm.journal import Journal

    lab("one")
    edgekit.submit(plan(files=files(1), devices=["one"]), out=tmp_path / "out")
    with Journal.read(tmp_path / "out" / JOURNAL) as journal:
        assert lines(missed(journal, {})) == []
        assert "got no figure" in lines(missed(journal, {"arena_kib": 1.0}))[0]
