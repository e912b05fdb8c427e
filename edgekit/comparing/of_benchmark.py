"""Figures and facts of files on devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath

from edgekit.comparing.of_audit import exact
from edgekit.comparing.of_report import timed_figures
from edgekit.comparing.subject import Figure, Record, Timing
from edgekit.devices.figures import DeviceMeasurement
from edgekit.report.devices import Benchmark
from edgekit.report.named import Identity, identities

_UNSTEADY = ("load before", "load after", "load_ms")  # facts that differ from run to run


def benchmark_records(found: Benchmark, *, only: str = "") -> Iterator[Record]:
    """Yield a record for each file on each device, in the order of a history's rows.

    What could not be measured at all is a record without figures. What failed of a file that was
    measured, such as its accuracy, is why figures of its record are missing.

    ``only`` is a pattern for files' paths; a part from the end of the path is enough.
    """
    named, failed = identities(found), defaultdict[tuple[str, str], list[str]](list)
    for failure in found.failures:
        failed[failure.device, failure.file].append(failure.error)
    for one in found.measurements:
        if chosen(one.file, only):
            lost = failed.get((one.device, one.file), [])
            yield _measured(one, named[one.file, one.sha256], [*one.misfits, *lost])
    for failure in found.unmeasured:
        if chosen(failure.file, only):
            own = named[failure.file, None]
            yield Record(model=own.model, target=own.target, device=failure.device, figures={},
                         failed=failure.error)  # fmt: skip


def chosen(file: str, pattern: str) -> bool:
    """Whether a pattern takes a file, by its whole path or from a folder on."""
    path = PurePath(file).as_posix()
    return not pattern or fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")


def _measured(one: DeviceMeasurement, own: Identity, failed: Sequence[str]) -> Record:
    environment = {name: value for name, value in one.facts.items() if name not in _UNSTEADY}
    environment |= {f"runtime {name}": version for name, version in one.runtime.items()}
    return Record(
        model=own.model, target=own.target, device=one.device,
        figures=_latency(one) | _memory(one) | _work(one) | _outputs(one),
        facts={"environment": environment, "identity": {"artifact": one.sha256}},
        failed="; ".join(failed),
    )  # fmt: skip


def _latency(one: DeviceMeasurement) -> dict[str, Figure]:
    found = one.latency
    if found is None:
        return {}
    if found.basis == "measured" and found.samples_ms:
        return timed_figures(
            Timing(
                samples_ms=found.samples_ms,
                threads=found.threads,
                facts=one.facts,
                rounds=found.rounds,
                session=found.session,
            )
        )
    figure = Figure(value=found.ms, basis=found.basis, low=found.low_ms, high=found.high_ms)
    return {"latency_ms": figure}


def _memory(one: DeviceMeasurement) -> dict[str, Figure]:
    basis = one.bases.get("memory", "computed")
    memory = one.memory
    figures = {"size_kib": exact(memory.artifact_kib)}
    for name, value in (
        ("weight_kib", memory.weights_kib), ("arena_kib", memory.arena_kib),
        ("ram_kib", memory.ram_kib), ("flash_kib", memory.flash_kib),
    ):  # fmt: skip
        if value is not None:  # of these, only the peak of a process differs from run to run
            figures[name] = exact(value, basis="computed" if basis == "measured" else basis)
    if memory.peak_kib is not None:
        figures["peak_memory_mib"] = Figure(value=memory.peak_kib / 1024, basis=basis)
    return figures


def _work(one: DeviceMeasurement) -> dict[str, Figure]:
    figures = {}
    if one.counts is not None:
        for name in ("instructions", "loads", "stores", "l1_misses", "l2_misses"):
            if (count := getattr(one.counts, name)) is not None:  # not every device has caches
                figures[name] = exact(count, basis="counted")
    if one.cycles is not None:
        figures["cycles"] = exact(one.cycles, basis=one.bases.get("cycles", "estimated"))
    if one.npu_share is not None:
        figures["npu_share"] = exact(one.npu_share, better="higher", basis="estimated")
    return figures


def _outputs(one: DeviceMeasurement) -> dict[str, Figure]:
    figures = {"misfits": exact(len(one.misfits))}
    if one.agreement is None:
        return figures
    for name in ("identical_share", "same_top1_share"):
        figures[name] = exact(getattr(one.agreement, name), better="higher", basis="counted")
    if one.agreement.largest_steps is not None:
        figures["largest_steps"] = exact(one.agreement.largest_steps, basis="counted")
    return figures
