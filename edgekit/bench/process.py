"""Times an artifact in a fresh process that imports nothing but its runtime."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.bench.job import Job
from edgekit.bench.measurement import Measurement
from edgekit.errors import ArtifactError, OptionError
from edgekit.extras import runtime_of
from edgekit.files import scratch
from edgekit.runtimes.feed import one_batch

TIMEOUT_S = 900.0

# The child finds modules exactly where this process does, also from a checkout or a zip.
_START = """\
import sys
sys.path[:] = sys.argv[1:]
from edgekit.bench.worker import main
sys.exit(main())
"""


def measure(
    artifact: Artifact,
    *,
    threads: int = 1,
    warmup: int = 10,
    min_runs: int = 50,
    min_seconds: float = 1.0,
    sample: Mapping[str, NDArray[Any]] | None = None,
) -> Measurement:
    """Time single inferences in a fresh process, one after the other.

    Runs until there are ``min_runs`` and ``min_seconds`` have passed, or 10,000 runs.

    Args:
        artifact: What to run.
        threads: That one inference may use.
        warmup: Inferences before, kept apart.
        min_runs: Least number of inferences.
        min_seconds: Least time in all.
        sample: Inputs by name, real values, one row; random from one seed if left out (integer
            inputs over their whole range, float inputs from the standard normal distribution).

    Raises:
        OptionError: a number is out of range.
        DataError: the sample does not fit the artifact's inputs.
        ArtifactError: the file cannot be opened or run, its process dies or takes over 15 minutes.
        MissingExtra: the runtime is not installed.
    """
    if threads < 1 or warmup < 0 or min_runs < 1 or not 0 <= min_seconds <= TIMEOUT_S / 2:
        raise OptionError(
            f"expected threads >= 1, warmup >= 0, min_runs >= 1 and min_seconds in"
            f" 0..{TIMEOUT_S / 2:g}, got {threads}, {warmup}, {min_runs}, {min_seconds:g}"
        )
    runtime_of(artifact.format)
    if sample is not None:
        one_batch(artifact.inputs, sample, native=False)
    with contextlib.ExitStack() as stack:
        job = Job(
            artifact=artifact,
            threads=threads,
            warmup=warmup,
            min_runs=min_runs,
            min_seconds=min_seconds,
            sample=_kept(stack, sample),
        )
        answer = _ask(job)
    try:
        return msgspec.json.decode(answer, type=Measurement)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{artifact.path}: the measuring process gave no figures") from error


def _kept(stack: contextlib.ExitStack, sample: Mapping[str, Any] | None) -> Path | None:
    if sample is None:
        return None
    folder = stack.enter_context(scratch())
    path = folder / "sample.npz"
    # Positions, not names: an input's name need not be one that a zip can hold.
    arrays = {f"a{place}": array for place, array in enumerate(sample.values())}
    np.savez(path, names=np.array(list(sample)), **arrays)
    return path


def _ask(job: Job) -> bytes:
    """Return the worker's answer, a Measurement as JSON."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _START, *sys.path],
            input=job.encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(
            f"{job.artifact.path}: no figures after {TIMEOUT_S:g} s;"
            f" lower min_runs ({job.min_runs}) or use a smaller model"
        ) from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "nothing on stderr"
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        raise ArtifactError(f"{job.artifact.path}: measuring it failed ({how}): {last}")
    return done.stdout
