"""What the same command does again, what it refuses, and what it says of others."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.devices.declaration import load_device
from edgekit.devices.emulated import probe
from edgekit.devices.lease import holder, leased
from edgekit.devices.quarantine import put, quarantine_of
from edgekit.errors import DestinationError, DeviceError, OptionError
from edgekit.farm.jobs import Job
from edgekit.farm.journal import Journal
from edgekit.farm.plan import Model, Plan, load_plan
from edgekit.farming import JOURNAL, _places

Lab = Callable[..., Path]
Files = Callable[[int], list[str]]
Write = Callable[..., Path]

REMOVE = """
import pathlib, sqlite3, sys, time

def begun():
    try:
        journal = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30)
        return journal.execute("SELECT 1 FROM jobs WHERE state = 'running'").fetchone()
    except sqlite3.OperationalError:  # it is not there yet, or has no tables
        return None

while not begun():
    time.sleep(0.01)
pathlib.Path(sys.argv[2]).unlink()
"""

HOLD = """
import sys, time
from edgekit.devices.declaration import load_device
from edgekit.devices.lease import leased
with leased(load_device(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_changed_device_of_a_pool_is_measured_on_again(
    lab: Lab, files: Files, plan: Write, tmp_path: Path
) -> None:
    lab("one", "mine", latency_ms=1.0)
    path = plan(files=files(1), pools=["mine"])
    edgekit.submit(path, out=tmp_path / "out")
    (tmp_path / "lab" / "one.toml").write_text(
        (tmp_path / "lab" / "one.toml").read_text().replace("latency_ms = 1.0", "latency_ms = 7.0")
    )
    assert edgekit.submit(path, out=tmp_path / "out").again == 0
    assert edgekit.submit(path, out=tmp_path / "out").again == 1


def test_what_no_figure_depends_on_makes_nothing_new_and_data_do(
    lab: Lab, files: Files, plan: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab("one")
    lab("two")
    rows = np.zeros((40, probe.WIDTH), np.float32)
    np.savez(tmp_path / "test.npz", x=rows, y=np.zeros(40, int))
    names, measure = files(1), {"evaluate": "test.npz", "metric": "top1"}
    edgekit.submit(plan(files=names, devices=["one"], measure=measure), out=tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    again = plan(files=names, devices=["one"], attempts=9, timeout_s=99.0, measure=measure)
    assert edgekit.submit(again, out="out").again == 1
    np.savez(tmp_path / "test.npz", x=rows + 0.5, y=np.zeros(40, int))
    assert edgekit.submit(again, out="out").again == 0


def test_models_of_one_name_do_not_take_each_others_place(tmp_path: Path) -> None:
    first = Model(source="x/net.keras", targets=("tflite-fp32",))
    plan = Plan(models=(first, Model(source="y/net.keras", targets=("onnx-fp32",))), devices=("a",))
    with pytest.raises(OptionError, match="two are called 'net'"):
        _places(plan, tmp_path)
    pruned = Model(source="x/net.keras", targets=("tflite-fp32",), recipe="prune-50")
    found = _places(Plan(models=(first, pruned), devices=("a",)), tmp_path)
    assert {place.name for place in found} == {"as-it-is", "prune-50"}


def test_a_device_whose_holder_was_killed_is_free(lab: Lab) -> None:
    path = lab("one") / "one.toml"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    other.stdout.readline()
    device = load_device(str(path))
    assert f"process {other.pid}" in holder(device)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert holder(device) == ""
    with leased(device):
        assert holder(device)


def test_a_declaration_that_was_mended_is_out_of_quarantine(lab: Lab) -> None:
    path = lab("one", latency_ms=1.0) / "one.toml"
    put(load_device(str(path)), "it smoked")
    assert quarantine_of(load_device(str(path))) is not None
    path.write_text(path.read_text().replace("1.0", "2.0"))
    assert quarantine_of(load_device(str(path))) is None


def test_a_script_that_cannot_be_is_told_first_and_is_no_fault_of_the_device(
    lab: Lab, files: Files, plan: Write, tmp_path: Path
) -> None:
    path = lab("one", latencyms=1.0) / "one.toml"
    with pytest.raises(OptionError, match="did you mean 'latency_ms'"):
        edgekit.submit(plan(files=files(1), devices=["one"]), out=tmp_path / "out")
    assert quarantine_of(load_device(str(path))) is None


def test_a_file_that_goes_meanwhile_fails_alone(
    lab: Lab, files: Files, plan: Write, tmp_path: Path
) -> None:
    lab("one", seconds=0.5)
    names = files(3)
    np.savez(tmp_path / "data.npz", x=np.zeros((9, probe.WIDTH), np.float32))
    path = plan(files=names, devices=["one"], measure={"data": "data.npz"})
    watched = [sys.executable, "-c", REMOVE, tmp_path / "out" / JOURNAL, tmp_path / names[2]]
    with subprocess.Popen(watched) as watcher:
        try:
            with pytest.raises(DeviceError) as caught:
                edgekit.submit(path, out=tmp_path / "out")
            assert watcher.wait(timeout=60) == 0
        finally:
            watcher.kill()
    assert caught.value.farm is not None, str(caught.value)
    assert (caught.value.farm.done, caught.value.farm.failed) == (2, 1)


@pytest.mark.parametrize("pattern", ["**f0.tflite", "no/*.tflite"])
def test_patterns_that_find_nothing_are_one_line(pattern: str, plan: Write, lab: Lab) -> None:
    lab("one")
    with pytest.raises(OptionError, match="files: "):
        load_plan(plan(files=[pattern], devices=["one"]))


def test_a_name_that_looks_like_a_pattern_is_a_name(plan: Write, lab: Lab, tmp_path: Path) -> None:
    lab("one")
    (tmp_path / "[x].tflite").touch()
    assert load_plan(plan(files=["[x].tflite"], devices=["one"])).files == (
        str(tmp_path / "[x].tflite"),
    )


@pytest.mark.parametrize("limit", ["nan", "-1.0"])
def test_a_budget_that_nothing_can_be_held_against_is_refused(
    limit: str, plan: Write, lab: Lab
) -> None:
    lab("one")
    path = plan(files=["a"], devices=["one"])
    path.write_text(path.read_text() + f"[budget]\nlatency_ms = {limit}\n")
    with pytest.raises(OptionError, match="budget latency_ms: expected a number of at least 0"):
        load_plan(path)


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / JOURNAL) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(DestinationError, match="not a journal of edgekit"):
        Journal.open(tmp_path / JOURNAL)
    with sqlite3.connect(tmp_path / JOURNAL) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_folder_in_the_place_of_a_file_is_one_line(
    lab: Lab, files: Files, plan: Write, tmp_path: Path
) -> None:
    lab("one")
    path = plan(files=files(1), devices=["one"])
    for name in ("journal.db", "benchmark.json"):
        (tmp_path / name[:3] / name).mkdir(parents=True)
        with pytest.raises(DestinationError, match=name):
            edgekit.submit(path, out=tmp_path / name[:3])


def test_a_farm_that_was_cut_off_is_told_from_one_at_work(tmp_path: Path) -> None:
    with Journal.open(tmp_path / JOURNAL) as journal:
        journal.begin([Job(key="1", place="one", file="a.tflite")], {})
        journal.take("one", {"one": False})
        with Journal.read(tmp_path / JOURNAL) as other:
            assert other.is_written()
    with Journal.read(tmp_path / JOURNAL) as other:
        assert not other.is_written()
        assert other.counts()["running"] == 1
