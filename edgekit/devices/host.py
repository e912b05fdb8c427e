"""This machine as a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.artifact import Artifact
from edgekit.bench import Measurement, measure, measure_in_turns
from edgekit.devices.agreement import here
from edgekit.devices.backend import Always, Outputs, Request, Samples
from edgekit.devices.bare import bare
from edgekit.devices.declaration import Device
from edgekit.devices.figures import NOT_TOLD, DeviceMeasurement, MemoryUse, OperatorCost
from edgekit.devices.profiling.costs import operator_times
from edgekit.devices.timing import timed_latency
from edgekit.devices.versions import other_version
from edgekit.devices.weights import weights_kib
from edgekit.errors import ArtifactError, DeviceError


class HostBackend(Always):
    """Times single inferences in a fresh process, in the runtime that is installed here."""

    def measure(self, device: Device, artifact: Artifact, request: Request) -> DeviceMeasurement:
        """Measure; see ``Backend``."""
        found = measure(
            artifact, threads=request.threads or 1, warmup=request.warmup,
            min_runs=request.min_runs, min_seconds=request.min_seconds, sample=_one(request),
        )  # fmt: skip
        return self._told(device, artifact, found, request)

    def measure_in_turns(
        self, device: Device, asked: Sequence[tuple[Artifact, Request]], *, rounds: int
    ) -> tuple[DeviceMeasurement, ...]:
        """Measure files alternately, in ``rounds`` fresh processes each; all in the same manner.

        Raises:
            OptionError, ArtifactError, MissingExtra: see ``bench.measure_in_turns``.
        """
        artifacts, request = [artifact for artifact, _ in asked], asked[0][1]
        found = measure_in_turns(
            artifacts, rounds=rounds, threads=request.threads or 1, warmup=request.warmup,
            min_runs=request.min_runs, min_seconds=request.min_seconds,
            samples=[_one(each) for _, each in asked],
        )  # fmt: skip
        told = []
        for (artifact, each), one in zip(asked, found.measurements, strict=True):
            measured = self._told(device, artifact, one, each)
            if measured.latency is not None:
                latency = replace(measured.latency, rounds=found.rounds, session=found.session)
                measured = replace(measured, latency=latency)
            told.append(measured)
        return tuple(told)

    def _told(
        self, device: Device, artifact: Artifact, found: Measurement, request: Request
    ) -> DeviceMeasurement:
        operators, said = _operators(artifact, request) if request.operators else ((), ())
        groups = ("latency", "memory", *(["operators"] if operators else []))
        return replace(
            bare(device, artifact),
            runtime=found.host.versions,
            latency=timed_latency(found.samples_ms, found.warmup_ms, found.threads),
            memory=MemoryUse(
                artifact_kib=artifact.size_bytes / 1024,
                weights_kib=weights_kib(artifact),
                peak_kib=found.peak_memory_mib * 1024,
            ),
            operators=operators,
            bases=dict.fromkeys(groups, "measured"),
            facts=_facts(found),
            warnings=(*found.notes, *said, *other_version(device, found.host.versions)),
        )

    def outputs(self, device: Device, artifact: Artifact, samples: Samples) -> Outputs:
        """Compute in this process; see ``Computes``."""
        return here(artifact, samples)


def _operators(
    artifact: Artifact, request: Request
) -> tuple[tuple[OperatorCost, ...], tuple[str, ...]]:
    """Return what each operator takes, or why nobody can tell: then the latency stands alone."""
    try:
        return operator_times(artifact, request, _one(request)), ()
    except (DeviceError, ArtifactError) as error:
        return (), (f"{NOT_TOLD}{error}",)


def _one(request: Request) -> Samples | None:
    """Return the sample that is timed; None for random inputs."""
    return request.samples and {name: rows[:1] for name, rows in request.samples.items()}


def _facts(found: Measurement) -> dict[str, str]:
    host = found.host
    told = {
        "cpu": host.cpu,
        "machine": host.machine,
        "cores": str(host.cores),
        "features": " ".join(host.features),
        "governor": host.governor,
        "load before": host.load_before,
        "load after": host.load_after,
        "os": host.os,
        "load_ms": f"{found.load_ms:.1f}",
    }
    return {name: str(value) for name, value in told.items() if value not in (None, "")}
