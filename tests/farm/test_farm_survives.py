"""A farm that is killed, a device that is shared, a queue that is long."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import edgekit
from edgekit.devices.declaration import load_device
from edgekit.devices.figures import DeviceMeasurement, MemoryUse
from edgekit.devices.lease import holder, leased
from edgekit.errors import DestinationError, DeviceBusy
from edgekit.farm.jobs import Job
from edgekit.farm.journal import Journal
from edgekit.farming import JOURNAL

Lab = Callable[..., Path]
Files = Callable[[int], list[str]]
Plan = Callable[..., Path]

HOLD = """
import sys, time
from edgekit.devices.declaration import load_device
from edgekit.devices.lease import leased
with leased(load_device(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def done(out: Path) -> int:
    if not (out / JOURNAL).exists():
        return 0
    with sqlite3.connect(out / JOURNAL) as db:
        try:
            (count,) = db.execute("SELECT COUNT(*) FROM jobs WHERE state = 'done'").fetchone()
        except sqlite3.OperationalError:  # the tables are being made
            return 0
    return int(count)


def test_a_killed_farm_goes_on_and_repeats_nothing_that_was_kept(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", seconds=0.05, outcomes=["ok"] * 1000)
    path, out = plan(files=files(40), devices=["one"]), tmp_path / "out"
    command = [sys.executable, "-m", "edgekit", "farm", "submit", str(path), "-o", str(out), "-q"]
    running = subprocess.Popen(command, start_new_session=True)
    while done(out) < 10:
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = done(out)
    started = (tmp_path / "one.outcomes").stat().st_size
    assert 10 <= kept <= started <= kept + 1 < 40
    found = edgekit.submit(path, out=out)
    assert (found.done, found.failed, found.again) == (40, 0, kept)
    assert (tmp_path / "one.outcomes").stat().st_size == started + 40 - kept


def test_ctrl_c_leaves_a_journal_that_goes_on(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one", seconds=0.05)
    path, out = plan(files=files(40), devices=["one"]), tmp_path / "out"
    command = [sys.executable, "-m", "edgekit", "farm", "submit", str(path), "-o", str(out), "-q"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while done(out) < 3:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.strip()) == (130, "Interrupted")
    assert edgekit.submit(path, out=out).done == 40


def test_two_farms_do_not_write_one_folder(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    lab("one")
    path = plan(files=files(1), devices=["one"])
    with (
        Journal.open(tmp_path / "out" / JOURNAL),
        pytest.raises(DestinationError, match="another farm works here"),
    ):
        edgekit.submit(path, out=tmp_path / "out")


def test_a_device_is_had_by_one_process_and_free_when_that_is_killed(lab: Lab) -> None:
    path = lab("one") / "one.toml"
    device = load_device(str(path))
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), "600"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(DeviceBusy, match=f"one: in use by process {other.pid}"), leased(device):
        pass
    other.kill()
    other.communicate()
    with leased(device):
        assert f"process {os.getpid()}" in holder(device)
    assert holder(device) == ""


def test_a_farm_waits_for_a_device_that_another_process_has(
    lab: Lab, files: Files, plan: Plan, tmp_path: Path
) -> None:
    path = lab("one") / "one.toml"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), "1.5"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    other.stdout.readline()
    found = edgekit.submit(plan(files=files(2), devices=["one"]), out=tmp_path / "out")
    assert (found.done, found.failed) == (2, 0)
    with sqlite3.connect(tmp_path / "out" / JOURNAL) as db:
        assert db.execute("SELECT COUNT(*) FROM attempts").fetchone() == (0,)
    other.communicate()


def test_two_boards_at_one_address_are_one_device(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(
            f'schema = 1\nname = "{name}"\nkind = "ssh"\ndescription = "x"\n'
            '[address]\nhost = "Pi.local"\n'
        )
    a, b = (load_device(str(tmp_path / f"{name}.toml")) for name in ("a", "b"))
    with leased(a), pytest.raises(DeviceBusy), leased(b):
        pass


def measurement(number: int) -> DeviceMeasurement:
    return DeviceMeasurement(
        device="one", kind="fake", description="", file=f"{number}.tflite", format="tflite",
        sha256="0" * 64, memory=MemoryUse(artifact_kib=1.0),
    )  # fmt: skip


def peak_of(count: int, folder: Path) -> int:
    """Return the most bytes that Python held while so many jobs were queued and done."""
    tracemalloc.start()
    with Journal.open(folder / JOURNAL) as journal:
        journal.begin(
            (Job(key=f"{number:064}", place="one", file=f"{number}.tflite")
            for number in range(count)), {"one": "declared"},
        )  # fmt: skip
        for number in range(300):
            job = journal.take("one", {"one": False})
            assert job is not None
            journal.done(job, "one", "declared", measurement(number))
            assert journal.waiting(["one", "two"]) == {"one"}
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_queue(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "warm" / JOURNAL) as journal:
        journal.begin([], {})
    few, many = peak_of(1_000, tmp_path / "few"), peak_of(20_000, tmp_path / "many")
    assert many < 1.2 * few + 100_000
