"""The function behind ``edgekit bench``: what files cost on devices."""

from __future__ import annotations

import contextlib
import itertools
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.bench import MOST_ROUNDS
from edgekit.devices.backend import Backend, Request, backend_of
from edgekit.devices.declaration import Device
from edgekit.devices.figures import DeviceMeasurement
from edgekit.devices.host import HostBackend
from edgekit.devices.inventory import Inventory, open_inventory
from edgekit.devices.lease import leased
from edgekit.devices.readiness import see
from edgekit.devices.runtime_choice import kind_of
from edgekit.errors import BudgetMissed, DeviceError, EdgekitError, OptionError
from edgekit.measuring.measure import Measure
from edgekit.measuring.scoring import Scoring, scored
from edgekit.progress import Progress, Silent
from edgekit.report.devices import Benchmark, DeviceFailure, missed_budgets, require_budgets

_LEASE_S = 600.0  # a measurement of somebody else rarely takes longer


def benchmark(
    files: str | Path | Sequence[str | Path],
    devices: str | Device | Sequence[str | Device] | None = None, *,
    budget: Mapping[str, float] | None = None, data: Any = None, threads: int | None = None,
    warmup: int = 10, min_runs: int = 50, min_seconds: float = 1.0, operators: bool = True,
    evaluate: Any = None, metric: str | None = None, output: str | None = None,
    evaluate_samples: int | None = None, pools: Sequence[str] = (),
    inventory: Sequence[str | Path] = (), rounds: int = 1, progress: Progress | None = None,
) -> Benchmark:  # fmt: skip
    """Say what each file costs on each device, and how each figure was come by.

    Every device is asked whether it is ready before any is measured on. A device that fails later
    is told in ``failures``; the others go on.

    Args:
        files: TFLite, OpenVINO or ONNX files.
        devices: Names that ``edgekit devices`` lists, TOML files, or ``Device``s; this host if
            neither devices nor pools are given. A device is measured on once.
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
        evaluate: Samples that each file is run over on each device that can, and here; in the forms
            of ``edgekit.evaluate``, with labels for a metric.
        metric: What to score there; without it only samples are counted that differ.
        output: Which of several outputs the metric scores.
        evaluate_samples: How many of them; if left out 200 on emulated devices and
            microcontrollers, all on others. Stratified where labels are classes.
        pools: Labels, such as ``arm64`` or ``arm64+linux``: of each, the first device that is ready
            and that nobody measures on.
        inventory: Devices of one's own, which names and pools find: TOML files and folders.
        rounds: With more than one, latencies here are spread over so many fresh processes of each
            file, which take turns: what comparing them needs.
        progress: Who listens to the stages.

    Raises:
        BudgetMissed: a figure is beyond its budget, or is not known.
        DeviceError: a device is not ready, and nothing was measured; or a device failed. The
            ``benchmark`` of these two errors holds what was found all the same.
        ArtifactError, OptionError, DataError: files, devices, budgets or data cannot be used.
    """
    limits = dict(budget or {})
    require_budgets(limits)
    _require_rounds(rounds)
    measure = Measure[Any](
        threads=threads, warmup=warmup, min_runs=min_runs, min_seconds=min_seconds,
        operators=operators, data=data, evaluate=evaluate, metric=metric, output=output,
        evaluate_samples=evaluate_samples,
    )  # fmt: skip
    artifacts = [runtimes.describe(path) for path in _several(files)]
    places = _places(artifacts, devices, pools, open_inventory(inventory))
    asked, scoring = _prepared(measure, artifacts)
    result = _measured(asked, places, progress or Silent(), scoring, rounds)
    return _judged(replace(result, budget=limits))


def _require_rounds(rounds: int) -> None:
    if not 1 <= rounds <= MOST_ROUNDS:
        raise OptionError(f"rounds: expected 1 to {MOST_ROUNDS}, got {rounds}")


def _prepared(
    measure: Measure[Any], artifacts: list[Artifact]
) -> tuple[list[tuple[Artifact, Request]], Scoring | None]:
    """Return what to ask of each file, and how to score them if that is asked for."""
    asked = [(artifact, measure.request(artifact)) for artifact in artifacts]
    scoring = measure.scoring()
    if scoring is not None:
        scoring.check(artifacts)
    return asked, scoring


def _places(
    artifacts: Sequence[Artifact], devices: Any, pools: Sequence[str], known: Inventory
) -> list[tuple[Device, Backend]]:
    """Return each device once, with the code behind it; all are ready for all files."""
    kinds = {kind_of(artifact) for artifact in artifacts}
    called = _chosen(devices, pools, known, kinds)
    if not artifacts or not called:
        raise OptionError("expected at least one file and one device, got none")
    return [(device, _ready(device, name, kinds)) for device, name in called]


def _chosen(
    devices: Any, pools: Sequence[str], known: Inventory, formats: Collection[str]
) -> list[tuple[Device, Any]]:
    """Return each device once, with what the user called it."""
    given = ([] if pools else ["host"]) if devices is None else _several(devices)
    found = [
        (one if isinstance(one, Device) else known.called(str(one)), one) for one in given
    ] + [(device, device) for device in (known.free(pool, formats) for pool in pools)]  # fmt: skip
    first: dict[str, tuple[Device, Any]] = {}
    for device, name in found:
        if first.setdefault(device.name, (device, name))[0] != device:
            raise OptionError(f"two devices are called {device.name!r}; give one another name")
    return list(first.values())


def _measured(
    jobs: Sequence[tuple[Artifact, Request]], places: Sequence[tuple[Device, Backend]],
    progress: Progress, scoring: Scoring | None, rounds: int,
) -> Benchmark:  # fmt: skip
    """Measure every file on every device; what fails is told, and the rest goes on."""
    measured, failures = list[DeviceMeasurement](), list[DeviceFailure]()

    def judge(
        found: DeviceMeasurement, device: Device, backend: Backend, artifact: Artifact
    ) -> None:
        measured.append(found)
        if scoring is not None:
            with _told(failures, device, artifact, "accuracy: "):
                measured[-1] = scored(found, device, backend, artifact, scoring, progress)

    with progress.stage("measure", len(jobs) * len(places)):
        for device, backend in places:
            if rounds != 1 and isinstance(backend, HostBackend):
                progress.note(f"{len(jobs)} files in turns on {device.name}")
                lease = leased(device, wait_s=_LEASE_S, told=progress.note)
                _in_turns(jobs, device, backend, rounds, judge, failures, lease)
                progress.advance(len(jobs))
        for (artifact, request), (device, backend) in itertools.product(jobs, places):
            if rounds != 1 and isinstance(backend, HostBackend):
                continue
            progress.note(f"{artifact.path.name} on {device.name}")
            lease = leased(device, wait_s=_LEASE_S, told=progress.note)
            with _told(failures, device, artifact), lease:
                judge(backend.measure(device, artifact, request), device, backend, artifact)
            progress.advance()
    return Benchmark(measurements=tuple(measured), failures=tuple(failures))


def _in_turns(
    jobs: Sequence[tuple[Artifact, Request]], device: Device, backend: HostBackend, rounds: int,
    judge: Callable[[DeviceMeasurement, Device, Backend, Artifact], None],
    failures: list[DeviceFailure], lease: contextlib.AbstractContextManager[None],
) -> None:  # fmt: skip
    """Measure all files alternately; if one cannot be, none was."""
    files = [artifact for artifact, _ in jobs]
    try:
        with lease:
            found = backend.measure_in_turns(device, jobs, rounds=rounds)
    except EdgekitError as error:
        failures += [
            DeviceFailure(device=device.name, file=str(file.path), error=str(error))
            for file in files
        ]
        return
    for artifact, one in zip(files, found, strict=True):
        judge(one, device, backend, artifact)


@contextlib.contextmanager
def _told(
    failures: list[DeviceFailure], device: Device, artifact: Artifact, opening: str = ""
) -> Iterator[None]:
    """Keep an error for the report."""
    try:
        yield
    except EdgekitError as error:
        text = f"{opening}{error}"
        failures.append(DeviceFailure(device=device.name, file=str(artifact.path), error=text))


def _judged(result: Benchmark) -> Benchmark:
    missed = missed_budgets(result)
    failed = dict.fromkeys(f.error for f in result.failures)
    if not missed and not failed:
        return result
    error = DeviceError(" | ".join(failed)) if failed else BudgetMissed("; ".join(missed))
    error.benchmark = result
    raise error


def _ready(device: Device, given: Any, kinds: Iterable[str]) -> Backend:
    """Return the code behind a device that is ready for files of these formats.

    ``given`` is what the user called it.
    """
    called = shlex.quote(device.name if isinstance(given, Device) else str(given))
    for why in see(device, kinds, called=called).lacking.values():
        raise DeviceError(f"{device.name}: {why}")
    return backend_of(device)


def _several(given: Any) -> list[Any]:
    return [given] if isinstance(given, (str, Path, Device)) else list(given)
