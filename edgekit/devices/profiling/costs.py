"""Times a file's operators on this host, in a process of its own, and names their layers."""

from __future__ import annotations

import contextlib
import subprocess

import msgspec

from edgekit.artifact import Artifact
from edgekit.bench.job import Job
from edgekit.bench.process import kept
from edgekit.devices.backend import Request, Samples
from edgekit.devices.figures import OperatorCost
from edgekit.devices.operators.file import FileOperators
from edgekit.devices.operators.ran import Ran
from edgekit.devices.profiling.rows import Row, demand_resolution
from edgekit.errors import DeviceError
from edgekit.spawn import Child

_LEAST_RUNS, _SECONDS, _MOST_WARMUP = 5, 0.5, 20
_TIMEOUT_S = 300.0


def operator_times(
    artifact: Artifact, request: Request, sample: Samples | None
) -> tuple[OperatorCost, ...]:
    """Return what each operator of the file takes, then what else ran, in ms.

    Operators without a time were fused into others, or cannot be told apart from them.

    Raises:
        DeviceError: the runtime does not tell of this file, or its process died.
        ArtifactError: the file cannot be read.
    """
    rows = _profiled(artifact, request, sample)
    ran = [Ran(name=row.name, kind=row.kind, node=row.node, cost=row.us / 1e3) for row in rows]
    return FileOperators.read(artifact.path).matched(ran, "latency_ms")


def _profiled(artifact: Artifact, request: Request, sample: Samples | None) -> list[Row]:
    with contextlib.ExitStack() as stack:
        job = Job(
            artifact=artifact, threads=request.threads or 1, warmup=_MOST_WARMUP,
            min_runs=_LEAST_RUNS, min_seconds=_SECONDS, sample=kept(stack, sample),
        )  # fmt: skip
        task, pipe = "edgekit.devices.profiling.worker:main", subprocess.PIPE
        child = stack.enter_context(Child(task, artifact.format, stdout=pipe, stderr=pipe))
        try:
            out, err = child.process.communicate(job.encode(), timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"no profile within {_TIMEOUT_S:g} s") from error
    code = child.process.returncode
    if code == 1 and (said := err.decode(errors="replace").strip()):
        raise DeviceError(said.splitlines()[-1])
    try:
        rows = msgspec.json.decode(out, type=list[Row])
    except msgspec.DecodeError as error:
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        raise DeviceError(f"the process that profiled it died ({how})") from error
    demand_resolution(rows)
    return rows
