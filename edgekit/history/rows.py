"""Takes from documents what a history can be filtered by and plotted from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from edgekit.accuracy import Evaluation
from edgekit.devices.figures import DeviceAccuracy
from edgekit.history.run import HOST, Kind, Row
from edgekit.report.devices import Benchmark, misses
from edgekit.report.documents import Document
from edgekit.report.model import Report
from edgekit.report.named import Identity, identities
from edgekit.report.text import drop_unit

Names = Mapping[tuple[str, str | None], Identity]


def kind_of(document: Document) -> Kind:
    """Return what a document tells of."""
    return "conversion" if isinstance(document, Report) else "benchmark"


def rows_of(document: Document) -> list[Row]:
    """Return a row for a report, and for a benchmark one for each file on each device.

    A file that could not be measured has a row without figures that fails. Model and target are
    those of ``edgekit.report.named``.
    """
    if isinstance(document, Report):
        return [_of_report(document)]
    named = identities(document)
    return [*_measured(document, named), *_failed(document, named)]


def _of_report(report: Report) -> Row:
    evaluation, latency = report.evaluation, report.latency
    return Row(
        kind="conversion",
        model=report.source.name,
        source_sha256=report.source.sha256,
        artifact_sha256=report.artifact.sha256,
        target=report.target.name,
        device=HOST,
        edgekit=report.edgekit,
        verdict=report.verdict,
        metric=evaluation.metric if evaluation else None,
        score=_finite(evaluation.artifact_score if evaluation else None),
        accuracy_drop_pp=_finite(evaluation.drop_pp if evaluation else None),
        drop_unit=_drop_unit(evaluation),
        parity_sqnr_db=_finite(report.parity_sqnr_db),
        latency_ms=_finite(latency.artifact.median_ms if latency else None),
        latency_basis="measured" if latency else None,
        size_kib=report.artifact.size_bytes / 1024,
        model_memory_mib=_finite(latency.artifact.model_memory_mib if latency else None),
        peak_memory_mib=_finite(latency.artifact.peak_memory_mib if latency else None),
    )


def _measured(found: Benchmark, named: Names) -> Iterator[Row]:
    faulty = _faulty(found)
    for one in found.measurements:
        own = named[one.file, one.sha256]
        accuracy, latency, memory = one.accuracy, one.latency, one.memory
        yield Row(
            kind="benchmark",
            model=own.model,
            source_sha256=own.source_sha256,
            artifact_sha256=one.sha256,
            target=own.target,
            device=one.device,
            edgekit=found.edgekit,
            verdict="fail"
            if one.misfits or (one.device, one.file, one.sha256) in faulty
            else "pass",
            metric=accuracy.metric if accuracy else None,
            score=_finite(accuracy.device_score if accuracy else None),
            accuracy_drop_pp=_finite(accuracy.drop_pp if accuracy else None),
            drop_unit=_drop_unit(accuracy),
            latency_ms=_finite(latency.ms if latency else None),
            latency_basis=latency.basis if latency else None,
            size_kib=one.memory.artifact_kib,
            peak_memory_mib=None if memory.peak_kib is None else _finite(memory.peak_kib / 1024),
            ram_kib=_finite(memory.ram_kib),
            arena_kib=_finite(memory.arena_kib),
            instructions=one.counts.instructions if one.counts else None,
            cycles=one.cycles,
        )


def _failed(found: Benchmark, named: Names) -> Iterator[Row]:
    """Yield a row for each file that a device could not measure at all."""
    for failure in found.unmeasured:
        own = named[failure.file, None]
        yield Row(
            kind="benchmark", model=own.model, source_sha256=own.source_sha256,
            artifact_sha256=None, target=own.target,
            device=failure.device, edgekit=found.edgekit, verdict="fail",
        )  # fmt: skip


def _faulty(found: Benchmark) -> set[tuple[str, str, str]]:
    """Return by device, file and its digest what missed a budget, or a part such as accuracy."""
    lost = {(one.device, one.file) for one in found.failures}
    faulty = {
        (one.device, one.file, one.sha256)
        for one in found.measurements
        if (one.device, one.file) in lost
    }
    return faulty | {(one.device, one.file, one.sha256) for one in misses(found)}


def _drop_unit(found: Evaluation | DeviceAccuracy | None) -> str | None:
    return None if found is None or found.drop_pp is None else drop_unit(found)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
