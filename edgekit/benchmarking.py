"""The function behind ``edgekit bench``: what files cost on devices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.calibrate.sources import open_samples
from edgekit.devices.backend import Backend, Request, backend_of
from edgekit.devices.declaration import Device, load_device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.host import HostBackend
from edgekit.errors import BudgetMissed, DeviceError, EdgekitError, OptionError, UnknownName
from edgekit.progress import Progress, Silent
from edgekit.report.devices import BUDGETS, Benchmark, DeviceFailure, missed_budgets

SAMPLES = 8


def benchmark(
    files: str | Path | Sequence[str | Path],
    devices: str | Device | Sequence[str | Device] = "host", *,
    budget: Mapping[str, float] | None = None, data: Any = None, threads: int | None = None,
    warmup: int = 10, min_runs: int = 50, min_seconds: float = 1.0, operators: bool = True,
    rounds: int = 1, progress: Progress | None = None,
) -> Benchmark:  # fmt: skip
    """Say what each file costs on each device, and how each figure was come by.

    Every device is asked whether it is ready before any is measured on. A device that fails later
    is told in ``failures``; the others go on.

    Args:
        files: TFLite, OpenVINO or ONNX files.
        devices: Names that ``edgekit devices`` lists, TOML files, or ``Device``s.
        budget: Most of a figure, by its name: ``latency_ms``, ``size_kib``, ``arena_kib``,
            ``ram_kib``, ``flash_kib``, ``peak_memory_mib``, ``instructions``, ``cycles``.
        data: Samples, of which 8 are taken for comparing outputs with this host's; in the forms of
            ``edgekit.evaluate``. Random if left out.
        threads: That one inference may use; 1 on hardware if left out, and for a modelled latency
            as many as its model was fitted on.
        warmup: Inferences before, on hardware.
        min_runs: Least number of inferences, on hardware.
        min_seconds: Least time in all, on hardware.
        operators: Whether each operator is told apart.
        rounds: With more than one, latencies on this host are spread over so many fresh processes
            of each file, which take turns: what comparing them needs.
        progress: Who listens to the stages.

    Raises:
        BudgetMissed: a figure is beyond its budget, or is not known.
        DeviceError: a device is not ready, and nothing was measured; or a device failed. The
            ``benchmark`` of these two errors holds what was found all the same.
        ArtifactError, OptionError, DataError: files, devices, budgets or data cannot be used.
    """
    limits = dict(budget or {})
    for name in limits:
        if name not in BUDGETS:
            raise UnknownName("budget", name, BUDGETS)
    artifacts = [runtimes.describe(path) for path in _several(files)]
    found = [one if isinstance(one, Device) else load_device(one) for one in _several(devices)]
    if not artifacts or not found:
        raise OptionError("expected at least one file and one device, got none")
    backends = [_ready(device) for device in found]
    asked = Request(
        threads=threads, warmup=warmup, min_runs=min_runs, min_seconds=min_seconds,
        operators=operators,
    )  # fmt: skip
    requests = [replace(asked, samples=compared_on(data, artifact)) for artifact in artifacts]
    places = list(zip(found, backends, strict=True))
    jobs = list(zip(artifacts, requests, strict=True))
    result = _measured(jobs, places, progress or Silent(), rounds)
    return _judged(replace(result, budget=limits))


def _measured(
    jobs: Sequence[tuple[Artifact, Request]], places: Sequence[tuple[Device, Backend]],
    progress: Progress, rounds: int,
) -> Benchmark:  # fmt: skip
    """Measure every file on every device; what fails is told, and the rest goes on."""
    measured: list[DeviceMeasurement] = []
    failures: list[DeviceFailure] = []

    def attempt(
        device: Device, files: Sequence[Artifact],
        take: Callable[[], DeviceMeasurement | Sequence[DeviceMeasurement]],
    ) -> None:  # fmt: skip
        try:
            found = take()
            measured.extend([found] if isinstance(found, DeviceMeasurement) else found)
        except EdgekitError as error:
            failures.extend(
                DeviceFailure(device=device.name, file=str(file.path), error=str(error))
                for file in files
            )
        progress.advance(len(files))

    files = [artifact for artifact, _ in jobs]
    with progress.stage("measure", len(jobs) * len(places)):
        for device, backend in places:
            if rounds != 1 and isinstance(backend, HostBackend):
                progress.note(f"{len(files)} files in turns on {device.name}")
                turns = partial(backend.measure_in_turns, device, files, jobs[0][1], rounds=rounds)
                attempt(device, files, turns)
        for (artifact, request), (device, backend) in itertools.product(jobs, places):
            if rounds == 1 or not isinstance(backend, HostBackend):
                progress.note(f"{artifact.path.name} on {device.name}")
                attempt(device, [artifact], partial(backend.measure, device, artifact, request))
    return Benchmark(measurements=tuple(measured), failures=tuple(failures))


def _judged(result: Benchmark) -> Benchmark:
    missed = missed_budgets(result)
    failed = dict.fromkeys(f.error for f in result.failures)
    if not missed and not failed:
        return result
    error = DeviceError(" | ".join(failed)) if failed else BudgetMissed("; ".join(missed))
    error.benchmark = result
    raise error


def _ready(device: Device) -> Backend:
    backend = backend_of(device)
    state = backend.state(device)
    if state.readiness == "ready":
        return backend
    do = f"edgekit devices install {device.name}" if state.readiness == "needs install" else (
        f"see `edgekit devices show {device.name}`"
    )  # fmt: skip
    raise DeviceError(f"{device.name}: {state.readiness}: {state.why}; {do}")


def compared_on(data: Any, artifact: Artifact) -> Mapping[str, Any] | None:
    """Return the few samples on which outputs are compared; None without data.

    Raises:
        DataError: the data do not fit the file's inputs.
    """
    if data is None:
        return None
    samples = open_samples(data, artifact.inputs, count=SAMPLES, seed=0, options=None)
    return next(iter(samples.batches(SAMPLES))).inputs


def _several(given: Any) -> list[Any]:
    return [given] if isinstance(given, (str, Path, Device)) else list(given)
