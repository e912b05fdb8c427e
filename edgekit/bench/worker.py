"""Runs in the measuring process: a Job as JSON on stdin, a Measurement as JSON on stdout.

Whatever libraries write to stdout goes to stderr. An error of edgekit's is the last line of
stderr, and the exit code is 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.bench.host import host_facts, load_average, peak_memory_mib
from edgekit.bench.job import Job
from edgekit.bench.measurement import Measurement, notes_on
from edgekit.bench.preemption import staying_on, uninterrupted
from edgekit.errors import EdgekitError
from edgekit.npz import load_arrays
from edgekit.runtimes import Runner, import_runtime, open_runner
from edgekit.runtimes.feed import batch_of
from edgekit.runtimes.runner import Inference
from edgekit.spawn import answering

MAX_RUNS = 10_000
SETTLING_S = 0.003  # before each turn: caches are full of what another process used


def main(kind: str) -> int:
    """Import the runtime of a format, wait for one job, and answer it."""
    with answering() as out:
        try:
            import_runtime(kind)
            job = Job.decode(sys.stdin.buffer.read())
            result = work(job)
        except EdgekitError as error:
            sys.stderr.write(f"\n{error}\n")
            return 1
        out.write(msgspec.json.encode(result))
    os._exit(0)  # nothing is left to do, and taking a runtime apart takes time


def take_turns(kind: str) -> int:
    """Answer ``edgekit.bench.turns``: load a job's file, then run it as often as each line says.

    Each answer is a line that opens with ``ok``, or says what is wrong. A line ``0`` asks for the
    Measurement and ends the process. The first inference of a turn, with caches that another
    process used, does not count, nor does one that another process interrupted. Turns stay short:
    a scheduler gives who woke up a few milliseconds.
    """
    with answering() as out:

        def say(text: bytes) -> None:
            out.write(text + b"\n")
            out.flush()

        try:
            import_runtime(kind)
            job = Job.decode(sys.stdin.buffer.readline())
            with staying_on(job.processors) as leave:
                result = work(job, lambda runner: _turns(runner, say, leave))
        except EdgekitError as error:
            say(" ".join(str(error).split()).encode())
            return 1
        say(b"ok" + msgspec.json.encode(result))
    os._exit(0)


def _turns(
    runner: Runner, say: Callable[[bytes], None], leave: Callable[[], None]
) -> tuple[float, ...]:
    """Time a few inferences a line; at the end leave the processors, for facts of the host."""
    taken: list[float] = []
    say(b"ok")
    for line in sys.stdin.buffer:
        if not (count := int(line)):
            break
        timed(runner, runs=1, seconds=SETTLING_S)
        taken += [uninterrupted(lambda: timed(runner, runs=1, seconds=0)[0]) for _ in range(count)]
        say(b"ok")
    leave()
    return tuple(taken)


def work(job: Job, timing: Callable[[Runner], tuple[float, ...]] | None = None) -> Measurement:
    """Load, warm up and time the artifact in this very process; ``timing`` may say how."""
    load_before = load_average()
    import_runtime(job.artifact.format)
    sample, native = sample_of(job)
    memory_before = peak_memory_mib()
    started = time.perf_counter()
    runner = open_runner(job.artifact, threads=job.threads)
    runner.prepare(sample, native=native)
    load_ms = (time.perf_counter() - started) * 1e3
    warmup = timed(runner, runs=job.warmup, seconds=0)
    if timing is None:
        samples = timed(runner, runs=job.min_runs, seconds=job.min_seconds)
    else:
        samples = timing(runner)
    peak = peak_memory_mib()
    host = host_facts(runner.versions, load_before=load_before, load_after=load_average())
    return Measurement(
        samples_ms=samples,
        warmup_ms=warmup,
        load_ms=load_ms,
        threads=job.threads,
        memory_before_mib=memory_before,
        peak_memory_mib=peak,
        host=host,
        notes=(*notes_on(samples, load_before, host.cores), *_notes(job, len(samples), host.cores)),
    )


def timed(runner: Runner, *, runs: int, seconds: float) -> tuple[float, ...]:
    """Return the milliseconds of each inference; see ``measure`` for when it ends."""
    return runner.repeat(partial(_stamped, runs=runs, seconds=seconds))


def _stamped(infer: Inference, *, runs: int, seconds: float) -> tuple[float, ...]:
    """Time inferences; between two looks at the clock nothing but the runtime runs."""
    clock, taken = time.perf_counter_ns, list[int]()
    now = clock()
    end = now + int(seconds * 1e9)
    while len(taken) < runs or (now < end and len(taken) < MAX_RUNS):
        started = clock()
        infer()
        now = clock()
        taken.append(now - started)
    return tuple(each / 1e6 for each in taken)


def sample_of(job: Job) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return inputs, and whether they are what is stored."""
    if job.sample is not None:
        return load_arrays(job.sample), False
    rng = np.random.default_rng(0)
    inputs = {spec.name: random_input(spec, rng) for spec in job.artifact.inputs}
    if batch_of(job.artifact.inputs) is None:
        inputs = {name: array[None] for name, array in inputs.items()}
    return inputs, True


def random_input(spec: TensorSpec, rng: np.random.Generator) -> NDArray[Any]:
    """Return what an input could store: integers over their whole range, floats around 0.

    Integers that are not quantized are mostly indices, of which only 0 and 1 are sure to exist.
    """
    shape = tuple(1 if size is None else size for size in spec.shape)
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape), bool)
    if dtype.kind not in "iu":
        return np.asarray(rng.standard_normal(shape), dtype)
    limits = np.iinfo(dtype)
    if spec.scale is None and dtype.itemsize > 1:
        return np.asarray(rng.integers(0, 2, shape), dtype)
    whole = rng.integers(limits.min, limits.max, shape, dtype=np.int64, endpoint=True)
    return np.asarray(whole, dtype)


def _notes(job: Job, runs: int, cores: int) -> list[str]:
    said = []
    if job.threads > cores:
        said.append(f"{job.threads} threads on {cores} cores")
    if runs == MAX_RUNS > job.min_runs:
        said.append(f"stopped at {MAX_RUNS} runs, before {job.min_seconds:g} s had passed")
    return said
