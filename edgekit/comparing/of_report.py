"""Figures and facts of a conversion's report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from edgekit.bench import HostFacts, Measurement
from edgekit.comparing.of_audit import audit_facts, audit_figures, exact
from edgekit.comparing.subject import HOST, Figure, Record, Scored, Timing
from edgekit.report.figures import compression_ratio, speedup
from edgekit.report.model import Latency, Report
from edgekit.report.text import drop_unit


def report_record(report: Report) -> Record:
    """Return everything of a report that can be compared."""
    figures = audit_figures(report.audit) | _accuracy(report)
    figures["size_kib"] = exact(report.artifact.size_bytes / 1024)
    if (ratio := compression_ratio(report.artifact)) is not None:
        figures["compression_ratio"] = exact(ratio, better="higher")
    figures["broken_promises"] = exact(len(report.broken_promises))
    figures["missed_budgets"] = exact(len(report.missed_budgets))
    if report.latency is not None:
        figures |= _latency(report.latency)
    facts = audit_facts(report.audit) | {"environment": _environment(report)}
    facts["identity"] = {
        "source": report.source.sha256,
        "artifact": report.artifact.sha256,
        "recipe": report.compression.recipe if report.compression else "none",
    }
    return Record(
        model=report.source.name, target=report.target.name, device=HOST,
        figures=figures, facts=facts,
    )  # fmt: skip


def _accuracy(report: Report) -> dict[str, Figure]:
    figures = {
        "parity_sqnr_db": Figure(value=report.parity_sqnr_db, basis="computed", better="higher")
    }
    found = report.evaluation
    if found is None:
        return figures
    said = report.options.get("evaluation_sha256")
    scored = Scored(
        evaluation=found, data=report.evaluation_data,
        data_sha256=said if isinstance(said, str) else None,
        source_sha256=report.source.sha256,
    )  # fmt: skip
    of_outputs = partial(Figure, basis="computed", better="higher", scored=scored)
    figures["sqnr_db"] = of_outputs(value=found.sqnr_db_min)
    if found.agreement is not None:
        figures["agreement"] = of_outputs(value=found.agreement)
    if found.metric is not None:
        figures["score"] = Figure(
            value=found.artifact_score, basis="scored", scored=scored,
            better="higher" if found.higher_is_better else "lower",
            missing="" if found.artifact_score is not None else "the report has no score",
        )  # fmt: skip
        figures["accuracy_drop_pp"] = Figure(
            value=found.drop_pp, low=found.drop_low_pp, high=found.drop_high_pp,
            basis="scored", scored=scored,
            own_unit="" if found.drop_unit == "points" else drop_unit(found),
            missing="" if found.drop_pp is not None else f"no drop: {found.method}",
        )  # fmt: skip
    return figures


def _latency(latency: Latency) -> dict[str, Figure]:
    taken = latency.artifact
    timing = Timing(
        samples_ms=taken.samples_ms, threads=taken.threads, facts=host_facts(taken.host)
    )
    figures = timed_figures(timing)
    for name, value in _process(taken).items():
        figures[name] = Figure(value=value, basis="measured", timing=None)
    if (faster := speedup(latency)) is not None:
        figures["speedup_over_float"] = Figure(value=faster, basis="measured", better="higher")
    return figures


def _process(taken: Measurement) -> dict[str, float]:
    return {
        "load_ms": taken.load_ms,
        "peak_memory_mib": taken.peak_memory_mib,
        "model_memory_mib": taken.model_memory_mib,
    }


def timed_figures(timing: Timing) -> dict[str, Figure]:
    """Return the latencies that samples give."""
    from edgekit.bench.measurement import quantile

    if not timing.samples_ms:
        return {}
    shares = {"latency_ms": 0.5, "latency_p90_ms": 0.9, "latency_p99_ms": 0.99}
    return {
        name: Figure(value=quantile(timing.samples_ms, share), basis="measured", timing=timing)
        for name, share in shares.items()
    }


def host_facts(host: HostFacts) -> dict[str, str]:
    """Return the facts of a host by the names that device documents use."""
    told = {
        "cpu": host.cpu, "machine": host.machine, "cores": str(host.cores),
        "features": " ".join(host.features), "governor": host.governor or "",
        "load before": "" if host.load_before is None else str(host.load_before),
        "os": host.os,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _environment(report: Report) -> Mapping[str, str]:
    facts = {"edgekit": report.edgekit, **report.tools}
    if report.latency is not None:
        host = host_facts(report.latency.artifact.host)
        host.pop("load before", None)
        facts |= {f"host {name}": value for name, value in host.items()}
        facts["threads"] = str(report.latency.artifact.threads)
    return facts
