"""Turns what a page found into figures, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.auditing import audit
from edgekit.bench.host import HostFacts
from edgekit.bench.measurement import notes_on
from edgekit.devices.agreement import agreement, doubts
from edgekit.devices.bare import bare
from edgekit.devices.browser.job import Answer, Job
from edgekit.devices.browser.visit import Visit
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement, MemoryUse
from edgekit.devices.timing import timed_latency

REFERENCE = "this host's runtime"
MOST_APART = 0.05
_TIMED = "from arrays of the page to arrays of the page: inputs are copied in, outputs out"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Real outputs by name, n rows each: those of the page, and those of this host."""

    outputs: Mapping[str, NDArray[np.float32]]
    reference: Mapping[str, NDArray[np.float32]]


def misfit(device: Device, artifact: Artifact, why: tuple[str, ...]) -> DeviceMeasurement:
    """Return a measurement that says why there are no figures."""
    return replace(bare(device, artifact), memory=_memory(artifact), misfits=why)


def measurement(
    device: Device, artifact: Artifact, *, job: Job, seen: Visit, host: HostFacts,
    compared: Compared,
) -> DeviceMeasurement:  # fmt: skip
    """Return what was found out of a file in a page."""
    answer = seen.answer
    agreed = agreement(artifact, compared.outputs, compared.reference, against=REFERENCE)
    return replace(
        bare(device, artifact),
        runtime=host.versions,
        latency=timed_latency(answer.samples_ms, answer.warmup_ms, job.threads),
        memory=replace(_memory(artifact), peak_kib=seen.peak_kib),
        agreement=agreed,
        bases={"latency": "measured", "memory": "measured"},
        facts=_facts(seen, host),
        warnings=(
            *notes_on(answer.samples_ms, host.load_before, host.cores),
            *_effort(job, answer, host),
            *doubts(agreed),
            *_apart(compared),
        ),
    )


def _memory(artifact: Artifact) -> MemoryUse:
    return MemoryUse(
        artifact_kib=artifact.size_bytes / 1024,
        weights_kib=audit(artifact.path).weight_bytes / 1024,
    )


def _effort(job: Job, answer: Answer, host: HostFacts) -> Iterator[str]:
    if job.threads > host.cores:
        yield f"{job.threads} threads on {host.cores} cores"
    if len(answer.samples_ms) == job.max_samples:
        yield f"stopped at {job.max_samples} samples, before {job.min_seconds:g} s had passed"
    if answer.facts.get("isolated") != "true":
        yield "the page was not isolated: its clock is coarse, and it has no threads"


def _apart(compared: Compared) -> Iterator[str]:
    """Warn where real outputs differ by more than kernels' rounding can."""
    for name, ours in compared.outputs.items():
        theirs = compared.reference[name]
        span, apart = float(np.ptp(theirs)), float(np.abs(ours - theirs).max(initial=0.0))
        if not apart <= MOST_APART * span:  # NaN, too
            yield (
                f"the page computes differently: {name!r} is up to {apart:g} from {REFERENCE},"
                f" whose values span {span:g}; do not ship before that is known"
            )


def _start(answer: Answer) -> dict[str, str]:
    """Return what the runtime costs without a file, where it starts without one."""
    if not answer.heap_before_kib:
        return {"load": "of the file and of the runtime, which starts with it"}
    return {
        "runtime_start_ms": f"{answer.start_ms:.1f}",
        "wasm_heap_before_model_kib": f"{answer.heap_before_kib:.0f}",
    }


def _facts(seen: Visit, host: HostFacts) -> dict[str, str]:
    answer = seen.answer
    told: dict[str, Any] = {
        "cpu": host.cpu,
        "cores": host.cores,
        "governor": host.governor,
        "load before": host.load_before,
        "load after": host.load_after,
        "os": host.os,
        "browser": seen.browser,
        "sandbox": "on" if seen.sandboxed else "off, since root runs the browser",
        "webassembly": answer.facts.get("simd"),
        "load_ms": f"{answer.load_ms:.1f}",
        **_start(answer),
        "timed": _TIMED,
        "clock_step_us": f"{1e3 * answer.clock_step_ms:.0f}",
        "inferences a sample": answer.inferences_per_sample,
        "wasm_heap_kib": f"{answer.heap_kib:.0f}",
        "peak memory": "of the process that renders the page, with the browser's own share",
    }
    return {name: str(value) for name, value in told.items() if value not in (None, "")}
