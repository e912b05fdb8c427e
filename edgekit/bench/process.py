"""Times an artifact in a fresh process that imports nothing but its runtime."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.bench.job import Job
from edgekit.bench.measurement import Measurement
from edgekit.errors import ArtifactError, OptionError
from edgekit.extras import runtime_of
from edgekit.files import scratch
from edgekit.npz import save_arrays
from edgekit.runtimes.feed import one_batch
from edgekit.spawn import Child

TIMEOUT_S = 900.0


class Waiting(Child):
    """A fresh process that has imported the runtime of a format, and waits for one file to time.

    Started early, it is ready when the file is; on leaving it is gone, whether it was asked or not.

    Raises:
        MissingExtra: the runtime is not installed.
    """

    def __init__(self, kind: str) -> None:
        runtime_of(kind)
        pipe = subprocess.PIPE
        super().__init__("edgekit.bench.worker:main", kind, stdout=pipe, stderr=pipe)

    def ask(self, job: Job) -> bytes:
        """Return the worker's answer, a Measurement as JSON.

        Raises:
            ArtifactError: the process fails or dies, or takes over 15 minutes.
        """
        out: bytes
        try:
            out, err = self.process.communicate(job.encode(), timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise ArtifactError(
                f"{job.artifact.path}: no figures after {TIMEOUT_S:g} s;"
                " leave measuring out with --no-measure, or use a smaller model"
            ) from error
        code = self.process.returncode
        if code:
            lines = err.decode(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "nothing on stderr"
            how = f"signal {-code}" if code < 0 else f"exit {code}"
            raise ArtifactError(f"{job.artifact.path}: measuring it failed ({how}): {last}")
        return out


def measure(
    artifact: Artifact,
    *,
    threads: int = 1,
    warmup: int = 10,
    min_runs: int = 50,
    min_seconds: float = 1.0,
    sample: Mapping[str, NDArray[Any]] | None = None,
    within: Waiting | None = None,
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
        within: A process that waits for a file of this format; one is started if left out.

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
    if sample is not None:
        one_batch(artifact.inputs, sample, native=False)
    with contextlib.ExitStack() as stack:
        process = within or stack.enter_context(Waiting(artifact.format))
        job = Job(
            artifact=artifact,
            threads=threads,
            warmup=warmup,
            min_runs=min_runs,
            min_seconds=min_seconds,
            sample=kept(stack, sample),
        )
        answer = process.ask(job)
    try:
        return msgspec.json.decode(answer, type=Measurement)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{artifact.path}: the measuring process gave no figures") from error


def kept(stack: contextlib.ExitStack, sample: Mapping[str, Any] | None) -> Path | None:
    """Write a sample to a passing file of the stack; None without one."""
    if sample is None:
        return None
    folder = stack.enter_context(scratch())
    path = folder / "sample.npz"
    save_arrays(path, sample)
    return path
