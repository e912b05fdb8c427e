"""``edgekit farm`` as a user types it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import main
from edgekit.devices import quarantine
from edgekit.devices.declaration import load_device
from edgekit.devices.emulated import probe
from edgekit.farm.plan import load_plan

Lab = Callable[..., Path]
Files = Callable[[int], list[str]]
Plan = Callable[..., Path]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["farm", *map(str, arguments)])


def test_a_plan_is_done_and_told_in_80_columns(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", latency_ms=12.0)
    path = plan(files=files(2), devices=["one"])
    done = run("submit", path, "-o", tmp_path / "out", "-q")
    assert done.exit_code == 0, done.output
    assert "2 jobs done, 0 failed" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    again = run("submit", path, "-o", tmp_path / "out", "-q")
    assert "2 jobs done, 2 of them earlier, 0 failed" in again.stdout
    told = run("status", tmp_path / "out")
    assert told.stdout == "0 queued, 0 running, 2 done, 0 failed\n"


def test_json_is_the_document_alone(lab: Lab, files: Files, plan: Plan, tmp_path: Path) -> None:
    lab("one")
    done = run("submit", plan(files=files(1), devices=["one"]), "-o", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["done"] == 1
    told = json.loads(run("status", tmp_path / "out", "--json").stdout)
    assert told["jobs"] == {"queued": 0, "running": 0, "done": 1, "failed": 0}


def test_failures_are_named_and_the_exit_code_is_1(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("weak", outcomes=["failed"] * 3)
    done = run("submit", plan(files=files(1), devices=["weak"]), "-o", tmp_path / "out", "-q")
    assert done.exit_code == 1
    assert (
        "1 of 1 jobs failed: weak: file-0.tflite: weak: failed, as its script says" in done.stderr
    )
    assert "failed: weak: file-0.tflite" in run("status", tmp_path / "out").stdout


def test_a_missed_budget_is_exit_code_3(lab: Lab, files: Files, plan: Plan, tmp_path: Path) -> None:
    lab("one", latency_ms=1e6)
    path = plan(files=files(1), devices=["one"], budget={"latency_ms": 1})
    done = run("submit", path, "-o", tmp_path / "out", "-q")
    assert done.exit_code == 3
    assert "fail: one: file-0.tflite: latency_ms is" in done.stdout


def test_results_are_kept_in_a_history_once(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy", reason="needs pip install 'edgekit-ml[history]'")
    db = tmp_path / "runs.db"
    lab("good", latency_ms=2.0)
    lab("weak", outcomes=["failed"] * 3, latency_ms=1e6)
    path = plan(files=files(1), devices=["good", "weak"], budget={"latency_ms": 1000})
    submit = ("submit", path, "-o", tmp_path / "out", "-q", "--history", db)
    first = run(*submit)
    assert first.exit_code == 1
    assert f"kept runs 1, 2 in {db}" in first.stdout
    second = run(*submit)  # goes on: the weak one has come round, and misses the budget
    assert second.exit_code == 3
    assert f"kept runs 3, 4 in {db}" in second.stdout
    third = run(*submit)
    assert (third.exit_code, f"kept already in {db}" in third.stdout) == (3, True)
    told = CliRunner().invoke(main, ["history", "--history", str(db), "--json"])
    runs = [(one["id"], one["kind"], one["model"], one["device"], one["verdict"])
            for one in json.loads(told.stdout)["runs"]]  # fmt: skip
    assert sorted(runs) == [
        (1, "benchmark", "file-0", "good", "pass"), (2, "benchmark", "file-0", "weak", "fail"),
        (3, "benchmark", "file-0", "good", "pass"), (4, "benchmark", "file-0", "weak", "fail"),
    ]  # fmt: skip


def test_a_history_that_cannot_be_kept_is_told_before_work(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy", reason="needs pip install 'edgekit-ml[history]'")
    lab("one")
    path = plan(files=files(1), devices=["one"])
    told = run("submit", path, "-o", tmp_path / "out", "--history", tmp_path / "no" / "runs.db")
    assert told.exit_code == 1
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_devices_are_listed_with_labels_and_released(lab: Lab) -> None:
    folder = lab("one", "mine")
    quarantine.put(load_device(str(folder / "one.toml")), "it smoked")
    listed = run("devices", "--inventory", folder, "--device-pool", "mine").stdout
    assert "quarantine" in listed
    assert re.search(
        r"one: in quarantine since \d{4}-\d\d-\d\d \d\d:\d\d: it smoked;"
        " `edgekit farm release one`",
        " ".join(listed.split()),
    )
    assert run("release", "one").stdout == "one: released\n"
    assert run("release", "one").stdout == "one: was not in quarantine\n"
    told = json.loads(run("devices", "--inventory", folder, "--json").stdout)
    assert {"name": "one", "kind": "fake", "labels": ["mine"], "state": "ready", "why": ""} in told[
        "devices"
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"files": ["a.tflite"]}, "expected at least one of files or models, and one of devices"),
        ({"files": ["*.nothing"], "devices": ["host"]}, "no file matches '*.nothing'"),
        ({"files": ["gone.tflite"], "devices": ["host"]}, "gone.tflite"),
        ({"files": ["gone.tflite"], "devices": ["rasberry-pi-4"]}, "did you mean 'raspberry-pi-4'"),
        ({"files": ["gone.tflite"], "pools": ["arm46"]}, "did you mean 'arm64'"),
        ({"files": ["a"], "devices": ["host"], "measure": {"min_rns": 3}}, "mean 'min_runs'"),
        ({"files": ["a"], "devices": ["host"], "attempts": 0}, "attempts: expected at least 1"),
        ({"files": ["a"], "devices": ["host"], "timeout_s": -1.0}, "above 0, got -1"),
        ({"files": ["a"], "devices": ["host"], "measure": {"warmup": -1}}, "at least 0, got -1"),
        ({"files": ["a"], "devices": ["host"], "measure": {"data": 3}}, "measure.data: Expected"),
        ({"files": ["a"], "devices": ["host"], "measure": {"metric": "x"}}, "metric needs"),
        ({"files": ["a"], "devices": ["host"], "budget": {"latency": 3}}, "did you mean"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_one_line(
    keys: dict[str, object], expected: str, lab: Lab, plan: Plan, tmp_path: Path
) -> None:
    lab("one")
    done = run("submit", plan(**keys), "-o", tmp_path / "out", "-q")
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert expected in line
    assert not (tmp_path / "out" / "benchmark.json").exists()


def test_unknown_keys_of_models_are_refused_too(plan: Plan, lab: Lab, tmp_path: Path) -> None:
    lab("one")
    path = plan(devices=["one"])
    path.write_text(path.read_text() + '[[models]]\nsource = "a.keras"\ntarget = ["x"]\n')
    with pytest.raises(
        Exception, match=r"unknown key 'models\[0\].target'; did you mean 'targets'"
    ):
        load_plan(path)


def test_two_devices_of_one_name_are_refused(lab: Lab, plan: Plan, tmp_path: Path) -> None:
    folder = lab("one")
    (folder / "again.toml").write_text((folder / "one.toml").read_text())
    done = run("devices", "--inventory", folder)
    assert "a device 'one' is there already" in done.stderr


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_no_journal_is_one_line(folder: str, tmp_path: Path) -> None:
    done = run("status", tmp_path / folder)
    assert done.exit_code == 1
    assert "no farm has worked here" in done.stderr


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("not a database, but long enough to be looked at" * 50)
    done = run("status", tmp_path)
    assert done.exit_code == 1
    assert "not a journal of edgekit" in done.stderr


def test_bench_takes_a_free_device_of_a_pool(lab: Lab, files: Files, tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in files(1)]
    folder = lab("apart", "mine")
    lab("gone", "mine", unreachable=True)
    lab("here", "mine")
    quarantine.put(load_device(str(folder / "apart.toml")), "it smoked")
    command = ["bench", *names, "--device-pool", "mine", "--inventory", str(folder), "--json"]
    done = CliRunner().invoke(main, command)
    assert [one["device"] for one in json.loads(done.stdout)["measurements"]] == ["here"]
    (folder / "here.toml").unlink()
    none = CliRunner().invoke(main, command)
    assert none.exit_code == 1
    assert ": it smoked; gone: unreachable" in none.stderr


def test_a_farm_scores_on_devices(lab: Lab, files: Files, plan: Plan, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(-100, 100, (40, probe.WIDTH)) * probe.SCALE
    np.savez(tmp_path / "test.npz", x=rows.astype(np.float32), y=np.argmax(rows[:, ::-1], axis=1))
    lab("right")
    lab("wrong", wrong_samples=10)
    path = plan(
        files=files(1), devices=["right", "wrong"],
        measure={"evaluate": "test.npz", "metric": "top1"},
    )  # fmt: skip
    done = run("submit", path, "-o", tmp_path / "out", "-q")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    scores = {one["device"]: one["accuracy"]["device_score"] for one in document["measurements"]}
    assert scores == {"right": 1.0, "wrong": 0.75}
