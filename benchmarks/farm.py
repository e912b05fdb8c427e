"""What a farm of fake devices adds to the time that its jobs take, and what its queue weighs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.rows import Row
from edgekit import submit
from edgekit.devices.emulated import probe

JOBS, DEVICES, SECONDS = 200, 8, 0.1

_QUEUE = """
import resource, sys
from pathlib import Path
from edgekit.farm.jobs import Job
from edgekit.farm.journal import Journal
with Journal.open(Path(sys.argv[1]) / "journal.db") as journal:
    journal.begin(
        (Job(key=f"{number:064}", place="one", file=f"{number}.tflite")
         for number in range(int(sys.argv[2]))), {},
    )
    for _ in range(200):
        journal.again(journal.take("one", {"one": False}))
        journal.waiting(["one"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def rows(repeats: int = 3) -> Iterator[Row]:
    """Yield the time of 200 jobs against the ideal, and the memory of 10,000 against 1,000."""
    ideal = JOBS * SECONDS / DEVICES
    with tempfile.TemporaryDirectory() as folder:
        plan = _plan(Path(folder))
        os.environ["EDGEKIT_STATE"] = str(Path(folder) / "state")
        taken = [_submitted(plan, Path(folder) / f"out{number}") for number in range(repeats)]
        middle = median(taken)
        yield Row(
            what=f"{JOBS} jobs of {SECONDS} s on {DEVICES} fake devices, processes started, too",
            unit="s", edgekit=middle, peer=ideal, peer_name="ideal", bar=1.3,
        )  # fmt: skip
        few, many = (_queued(Path(folder) / str(count), count) for count in (1_000, 10_000))
        yield Row(
            what="memory of the scheduler with 10,000 jobs queued", unit="MiB", edgekit=many,
            peer=few, peer_name="1,000", bar=1.05,
        )  # fmt: skip


def _plan(folder: Path) -> Path:
    for number in range(DEVICES):
        (folder / f"fake{number}.toml").write_text(
            f'schema = 1\nname = "fake{number}"\nkind = "fake"\ndescription = "for a benchmark"\n'
            f'labels = ["fakes"]\n[script]\nseconds = {SECONDS}\n'
        )
    first = folder / "0.tflite"
    probe.make(first)
    for number in range(1, JOBS):
        (folder / f"{number}.tflite").hardlink_to(first)
    plan = folder / "plan.toml"
    inventory = ", ".join(f'"fake{number}.toml"' for number in range(DEVICES))
    plan.write_text(
        f'schema = 1\nfiles = ["*.tflite"]\npools = ["fakes"]\ninventory = [{inventory}]\n'
    )
    return plan


def _submitted(plan: Path, out: Path) -> float:
    began = time.perf_counter()
    found = submit(plan, out=out)
    taken = time.perf_counter() - began
    if found.done != JOBS:
        raise RuntimeError(f"expected {JOBS} jobs done, got {found.done}")
    return taken


def _queued(folder: Path, count: int) -> float:
    told = subprocess.run(
        [sys.executable, "-c", _QUEUE, str(folder), str(count)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return int(told) / 1024
