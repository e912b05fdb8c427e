"""Turns a board's answer into figures, and the words that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.cpu import features_of
from edgekit.devices.agreement import agreement
from edgekit.devices.bare import bare
from edgekit.devices.declaration import Device
from edgekit.devices.doubt import warnings_of
from edgekit.devices.figures import DeviceMeasurement, MemoryUse
from edgekit.devices.remote.doubts import doubts_about
from edgekit.devices.remote.payload import real_outputs
from edgekit.devices.remote.protocol import Answer, Ask, Moment, Run
from edgekit.devices.stored import Samples
from edgekit.devices.timing import timed_latency
from edgekit.devices.versions import other_version
from edgekit.devices.weights import weights_kib

REFERENCE = "this host's runtime"


def measurement(
    device: Device, artifact: Artifact, *, ask: Ask, answer: Answer, run: Run,
    samples: Samples, reference: Mapping[str, NDArray[np.float32]],
) -> DeviceMeasurement:  # fmt: skip
    """Return what was found out of a file on a board.

    Raises:
        DeviceError: the board's outputs are not those of the file.
    """
    outputs = real_outputs(artifact, samples, run.outputs)
    found = agreement(artifact, outputs, reference, against=REFERENCE)
    return replace(
        bare(device, artifact),
        runtime={run.runtime: run.version},
        latency=timed_latency(run.samples_ms, run.warmup_ms, ask.threads),
        memory=MemoryUse(
            artifact_kib=artifact.size_bytes / 1024,
            weights_kib=weights_kib(artifact),
            peak_kib=run.peak_kib or None,
        ),
        agreement=found,
        bases={"latency": "measured", "memory": "measured"},
        facts=facts_of(answer) | _facts_of_run(run),
        warnings=(
            *doubts_about(run, answer, ask),
            *other_version(device, {run.runtime: run.version}),
            *warnings_of(artifact, found, outputs, reference),
        ),
    )


def facts_of(answer: Answer) -> dict[str, str]:
    """Return what a board tells of itself, each with its unit."""
    facts = answer.facts
    return _told(
        {
            "model": facts.model,
            "cpu": facts.cpu,
            "machine": facts.machine,
            "cores": facts.cores,
            "features": " ".join(features_of(facts.features)),
            "governor": facts.governor,
            "frequency_min_mhz": facts.frequency_min_mhz,
            "frequency_max_mhz": facts.frequency_max_mhz,
            "memory_kib": facts.memory_kib,
            "os": facts.os,
            "kernel": facts.kernel,
            "python": facts.python,
            "runtimes there": ", ".join(f"{n} {v}" for n, v in answer.runtimes.items()),
            **_moment(answer.before, "before"),
            **_moment(answer.after, "after"),
        }
    )


def _moment(moment: Moment, when: str) -> dict[str, Any]:
    return {
        f"temperatures {when}, degrees C": ", ".join(
            f"{place} {degrees:.1f}" for place, degrees in moment.temperatures.items()
        ),
        f"frequency_mhz {when}": moment.frequency_mhz,
        f"throttled {when}": moment.throttled,
        f"load {when}": moment.load,
        f"memory_available_kib {when}": moment.memory_available_kib,
    }


def _facts_of_run(run: Run) -> dict[str, str]:
    return _told(
        {
            "load_ms": f"{run.load_ms:.1f}",
            "memory_before_model_kib": f"{run.memory_before_kib:.0f}",
            "settings": run.settings,
        }
    )


def _told(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}
