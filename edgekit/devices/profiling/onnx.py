"""ONNX files with ONNX Runtime's profiler, which writes all inferences to one file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from edgekit.bench.job import Job
from edgekit.devices.operators.onnx_events import outermost, read_profile
from edgekit.devices.profiling.rows import Row
from edgekit.files import scratch
from edgekit.runtimes.onnx import open_session


def inferences(
    job: Job, stored: dict[str, NDArray[Any]], turns: Iterable[bool]
) -> Iterator[list[Row]]:
    """Yield what ran in each inference but those before.

    Raises:
        ArtifactError: the file cannot be opened or run.
        DeviceError: the runtime wrote something else than its profile.
    """
    with scratch() as folder:
        session = open_session(job.artifact, threads=job.threads, profile=folder / "profile")
        session.place(stored)
        counted = []
        for counts in turns:
            session.repeat(lambda infer: infer())
            counted.append(counts)
        yield from itertools.compress(read(session.profile()), counted)


def read(written: bytes) -> Iterator[list[Row]]:
    """Yield the nodes of each inference; those in bodies of loops belong to these.

    Raises:
        DeviceError: it is no such profile.
    """
    profile = read_profile(written)
    for run in profile.inferences:
        within = (node for node in profile.nodes if run.ts <= node.ts <= run.end)
        yield [
            Row(name=node.name, kind=node.kind, us=float(node.dur))
            for node in outermost(within, run.ts)
        ]
