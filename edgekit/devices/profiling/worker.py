"""Runs in the profiling process: a Job as JSON on stdin, rows as JSON on stdout."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator

import msgspec

from edgekit.bench.job import Job
from edgekit.bench.worker import sample_of
from edgekit.devices.profiling.rows import middle
from edgekit.errors import EdgekitError
from edgekit.runtimes.feed import one_batch
from edgekit.spawn import answering

_MOST_RUNS = 500  # ONNX Runtime keeps every event until the end


def main(kind: str) -> int:
    """Profile a file of a format; an error is the last line of stderr, and the exit code 1."""
    with answering() as out:
        try:
            job = Job.decode(sys.stdin.buffer.read())
            sample, native = sample_of(job)
            stored = one_batch(job.artifact.inputs, sample, native=native)
            profiler = importlib.import_module(f"edgekit.devices.profiling.{kind}")
            inferences = list(profiler.inferences(job, stored, turns(job)))
            rows = middle(inferences)
        except EdgekitError as error:
            sys.stderr.write(f"\n{' '.join(str(error).split())}\n")
            return 1
        out.write(msgspec.json.encode(rows))
    os._exit(0)


def turns(job: Job) -> Iterator[bool]:
    """Yield once for each inference that is to be run: whether it counts, or warms up.

    Warming up ends early where it takes long.
    """
    ready = time.perf_counter() + job.min_seconds / 2
    for done in range(job.warmup):
        if done and time.perf_counter() > ready:
            break
        yield False
    end = time.perf_counter() + job.min_seconds
    for done in range(_MOST_RUNS):
        if done >= job.min_runs and time.perf_counter() > end:
            break
        yield True
