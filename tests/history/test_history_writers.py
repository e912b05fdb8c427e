"""Many processes write at once, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import edgekit

WRITERS, EACH = 16, 12
_CODE = """
import sys
sys.path.insert(0, sys.argv[3])
from kept_documents import a_report
import edgekit
from edgekit.history import Origin
report = a_report(f"model-{sys.argv[2]}")
sys.stdin.readline()
for number in range(int(sys.argv[4])):
    with edgekit.open_history(sys.argv[1], writes=True) as history:
        (kept,) = history.record(report, Origin(host=str(number)))
    print(kept)
"""


@pytest.mark.slow
def test_sixteen_writers_begin_a_history_and_lose_nothing(place: str) -> None:
    command = [sys.executable, "-c", _CODE, place]
    here = str(Path(__file__).parent)
    jobs = [
        subprocess.Popen([*command, str(job), here, str(EACH)], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for job in range(WRITERS)
    ]  # fmt: skip
    for job in jobs:
        assert job.stdin is not None
        job.stdin.write("go\n")
        job.stdin.flush()
    ends = [(*job.communicate(timeout=300), job.returncode) for job in jobs]
    assert [end[1:] for end in ends] == [("", 0)] * WRITERS
    told = [int(line) for said, _, _ in ends for line in said.split()]
    with edgekit.open_history(place) as history:
        runs = history.runs(limit=None)
    assert sorted(told) == sorted(run.id for run in runs)
    assert len(set(told)) == WRITERS * EACH
    pairs = Counter((run.model, run.host) for run in runs)
    assert pairs == {(f"model-{j}", str(n)): 1 for j in range(WRITERS) for n in range(EACH)}
