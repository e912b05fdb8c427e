"""Runs on a board: one job as JSON on stdin, one answer as JSON on stdout.

Needs Python 3.9 and nothing else to say what the board is and what it has; to measure, one of the
runtimes for the file's format, and the numpy that comes with it. What libraries print goes to
stderr.

The job: ``format``, ``file``, ``inputs`` (dtype and shape of each, in order), ``batches`` and
``data`` (a file with the inputs of each batch, one after the other, as they are stored),
``threads``, ``warmup``, ``min_runs``, ``min_seconds``, ``max_runs``, ``runtime`` (the only one that
may be used, if not empty), ``limit_s``. Without a ``file``, only facts are asked for.

The answer: ``runtimes`` (name of each that is there to its version), ``facts``, ``before`` and
``after`` (temperature and the like), and either ``error`` (``kind``, ``text``) or ``run``.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any, Callable

import board
import engines


def main() -> int:
    """Answer one job."""
    answer = os.dup(1)
    os.dup2(2, 1)
    job = json.loads(sys.stdin.buffer.read())
    signal.alarm(int(job.get("limit_s", 900)) + 5)  # whoever asked may be gone
    told = answered(job)
    with os.fdopen(answer, "wb") as out:
        out.write(json.dumps(told).encode())
    os._exit(0)  # taking a runtime apart takes time, and some crash at it


def answered(job: dict[str, Any]) -> dict[str, Any]:
    """Return the answer; every failure that can be foreseen is in it."""
    told: dict[str, Any] = {
        "runtimes": engines.installed(),
        "facts": board.facts(),
        "before": board.state(),
    }
    if job.get("file"):
        try:
            told["run"] = measured(job)
        except engines.Refused as refusal:
            told["error"] = {"kind": refusal.kind, "text": str(refusal)}
    told["after"] = board.state()
    return told


def measured(job: dict[str, Any]) -> dict[str, Any]:
    """Load, warm up, time and compare.

    Raises:
        engines.Refused: no runtime is there, or it cannot run the file.
    """
    engine = engines.engine_for(job["format"], only=job.get("runtime", ""))
    batches = engines.batches_of(Path(job["data"]).read_bytes(), job["inputs"], job["batches"])
    memory_before = peak_memory_kib()
    started = time.perf_counter()
    engine.load(job["file"], job["threads"])
    engine.place(batches[0])
    load_ms = (time.perf_counter() - started) * 1e3
    warmup, samples = engine.guard("run", lambda: timed_twice(engine.infer, job))
    peak = peak_memory_kib()
    return {
        "runtime": engine.distribution,
        "version": engine.version,
        "settings": engine.settings,
        "load_ms": load_ms,
        "warmup_ms": warmup,
        "samples_ms": samples,
        "memory_before_kib": memory_before,
        "peak_kib": peak,
        "outputs": [[raw(array) for array in engine.outputs(batch)] for batch in batches],
    }


def timed_twice(
    infer: Callable[[], object], job: dict[str, Any]
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each inference of the warm-up, and of each after it."""
    runs, seconds, most = job["min_runs"], job["min_seconds"], job["max_runs"]
    warmup = timed(infer, runs=job["warmup"], seconds=0.0, most=most)
    return warmup, timed(infer, runs=runs, seconds=seconds, most=most)


def timed(infer: Callable[[], object], *, runs: int, seconds: float, most: int) -> list[float]:
    """Return the milliseconds of each inference, until there are enough and time has passed."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < runs or (time.perf_counter() < end and len(taken) < most):
        started = time.perf_counter_ns()
        infer()
        taken.append((time.perf_counter_ns() - started) / 1e6)
    return taken


def raw(array: Any) -> dict[str, Any]:
    """Return an output as it is stored."""
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def peak_memory_kib() -> float:
    """Return the most memory that this process has held; 0 where the system does not tell."""
    found = re.search(r"VmHWM:\s+(\d+) kB", board.text("/proc/self/status"))
    return float(found[1]) if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
