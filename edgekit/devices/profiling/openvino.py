"""OpenVINO files with the plugin's performance counters, which tell means since it was loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from edgekit.bench.job import Job
from edgekit.devices.profiling.rows import Row
from edgekit.runtimes.openvino import OpenvinoSession, open_session


def inferences(
    job: Job, stored: dict[str, NDArray[Any]], turns: Iterable[bool]
) -> Iterator[list[Row]]:
    """Yield what ran in the mean of all inferences but those before, once.

    What was fused away is not told.

    Raises:
        ArtifactError: the file cannot be compiled or run.
    """
    session = open_session(job.artifact, threads=job.threads, counters=True)
    session.place(stored)
    before: Mapping[str, float] = {}
    runs = runs_before = 0
    for counts in turns:
        if counts and not before:
            before, runs_before = _means(session), runs
        session.repeat(lambda infer: infer())
        runs += 1
    yield without(session.counters(), runs, before, runs_before)


def without(
    counters: Iterable[Any], runs: int, before: Mapping[str, float], runs_before: int
) -> list[Row]:
    """Return the means of ``runs`` inferences without those of the first ``runs_before``."""
    found = []
    for each in counters:
        spent = _us(each) * runs - before.get(each.node_name, 0.0) * runs_before
        if spent > 0:
            us = spent / (runs - runs_before)
            found.append(Row(name=each.node_name, kind=each.node_type, us=us))
    return found


def _means(session: OpenvinoSession) -> dict[str, float]:
    return {each.node_name: _us(each) for each in session.counters()}


def _us(counter: Any) -> float:
    return float(counter.real_time.total_seconds()) * 1e6
