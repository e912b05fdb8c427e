"""The report as Markdown, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from edgekit.report import text
from edgekit.report.figures import compression_ratio, speedup
from edgekit.report.markdown.c_source import c_source_lines
from edgekit.report.markdown.passes import pass_lines
from edgekit.report.markdown.sections import audit_lines, layer_lines, source_lines
from edgekit.report.markdown.syntax import bullets, code, escape, table
from edgekit.report.model import Report

Lines = list[str]


def render(report: Report) -> str:
    """Return the report as Markdown (CommonMark with GitHub's tables).

    Every name that comes from the model or the user is escaped: it is shown, never obeyed.
    """
    lines = [f"# {escape(report.source.name)} for {escape(report.target.name)}", ""]
    lines += [_verdict(report), "", *_outcome(report)]
    for heading, section in SECTIONS.items():
        if body := section(report):
            lines += ["", f"## {heading}", "", *body]
    return "\n".join(lines) + "\n"


def _verdict(report: Report) -> str:
    if report.verdict == "pass":
        return "**Pass**: every promise of the target and every budget was kept."
    broken, missed = len(report.broken_promises), len(report.missed_budgets)
    return f"**Fail**: promises broken: {broken}, budgets missed: {missed}."


def _outcome(report: Report) -> Lines:
    return table(("", "was", "is", "change"), list(_changes(report)), numbers=(1, 2, 3))


def _changes(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Compare the source model, or the float file of the same format, with the artifact."""
    found = report.evaluation
    if found is not None and found.metric is not None:
        scores = text.score(found.source_score), text.score(found.artifact_score)
        yield f"{found.metric}, {found.samples} samples", *scores, f"drop {text.drop(found)}"
    if found is not None:
        yield "agreement with the source model", "", text.share(found.agreement), ""
        yield "output SQNR, evaluation data", "", text.decibels(found.sqnr_db_min), ""
    yield f"output SQNR, {report.parity_samples}", "", text.decibels(report.parity_sqnr_db), ""
    facts = report.artifact
    smaller = compression_ratio(facts)
    yield (
        "size, against the float file",
        text.kib(facts.float_size_bytes),
        text.kib(facts.size_bytes),
        f"{text.ratio(smaller)} smaller" if smaller else "-",
    )
    yield from _costs(report)


def _costs(report: Report) -> Iterator[tuple[str, str, str, str]]:
    if report.latency is None:
        return
    taken, base = report.latency.artifact, report.latency.float_baseline
    faster = speedup(report.latency)
    for name, key in (("median", "median_ms"), ("p90", "p90_ms"), ("p99", "p99_ms")):
        before = text.milliseconds(getattr(base, key)) if base else "-"
        change = f"{text.ratio(faster)} as fast" if faster and name == "median" else ""
        yield f"latency, {name}", before, text.milliseconds(getattr(taken, key)), change
    for name, key in (("process", "peak_memory_mib"), ("model", "model_memory_mib")):
        before = f"{getattr(base, key):.1f} MiB" if base else "-"
        change = f"{getattr(taken, key) - getattr(base, key):+.1f} MiB" if base else ""
        yield f"peak memory, {name}", before, f"{getattr(taken, key):.1f} MiB", change


def _warnings(report: Report) -> Lines:
    slow = report.latency.warning if report.latency else None
    extra = [slow] if slow and slow not in report.warnings else []
    return bullets([*extra, *report.warnings])


def _promises(report: Report) -> Lines:
    if report.broken_promises:
        return bullets(f"broken: {line}" for line in report.broken_promises)
    return ["The file itself confirms every promise of the target."]


def _budgets(report: Report) -> Lines:
    if report.missed_budgets:
        return bullets(f"missed: {line}" for line in report.missed_budgets)
    budget = report.target.budget
    keys = ("latency_ms", "size_kib", "peak_memory_mib", "accuracy_drop_pp", "sqnr_db")
    kept = [f"{key}: {value:g}" for key in keys if (value := getattr(budget, key)) is not None]
    return bullets(f"kept: {line}" for line in kept) or ["The target sets no budget."]


def _candidates(report: Report) -> Lines:
    if not report.candidates:
        return []
    rows = [
        (
            "yes" if tried.chosen else "",
            tried.name,
            tried.quantizer,
            tried.estimator or "-",
            "yes" if tried.bias_correction else "no",
            *(
                "-" if figure is None else text.decibels(figure)
                for figure in (tried.sqnr_db, tried.scores_db)
            ),
            text.share(tried.agreement),
            tried.problem or "",
        )
        for tried in report.candidates
    ]
    heading = ("chosen", "candidate", "quantizer", "ranges", "bias correction", "SQNR",
               "before softmax", "agreement", "problem")  # fmt: skip
    return table(heading, rows, numbers=(5, 6, 7))


def _calibration(report: Report) -> Lines:
    facts = report.calibration
    if facts is None:
        return ["None was needed, and none was given."]
    used = f"{facts.samples} samples and {facts.held_back} held back"
    lines = bullets(
        [f"{used}, from {facts.origin}", f"ranges: {facts.estimator}", f"seed: {facts.seed}"]
    )
    if not facts.findings:
        return [*lines, "", "Lint found nothing."]
    found = [(one.severity, one.code, one.text) for one in facts.findings]
    return [*lines, "", *table(("severity", "finding", "what"), found)]


def _treatments(report: Report) -> Lines:
    rows = [(one.layer, one.done or "-", one.skipped or "-") for one in report.treatments]
    return table(("layer", "done", "left alone because"), rows) if rows else []


def _environment(report: Report) -> Lines:
    facts = [("edgekit", report.edgekit), *sorted(report.tools.items())]
    lines = table(("tool", "version"), facts)
    if report.latency is not None:
        taken = report.latency.artifact
        host = taken.host
        features = ", ".join(host.features) or "none known"
        said = [
            f"{host.cpu} ({host.machine}), {host.cores} cores, features: {features}",
            f"{host.os}, Python {host.python}",
            f"{len(taken.samples_ms)} runs after {len(taken.warmup_ms)} to warm up, "
            f"threads: {taken.threads}, loading: {text.milliseconds(taken.load_ms)}",
            *taken.notes,
        ]
        lines += ["", *bullets(said)]
    return lines


def _stages(report: Report) -> Lines:
    rows = [(s.name, text.seconds(s.seconds), "yes" if s.cached else "") for s in report.stages]
    return table(("stage", "time", "from the cache"), rows, numbers=(1,)) if rows else []


def _reproduce(report: Report) -> Lines:
    if not report.command:
        return ["Made from Python: call `edgekit.convert` with the options in `report.json`."]
    return code(report.command)


SECTIONS: Mapping[str, Callable[[Report], Lines]] = {
    "Warnings": _warnings,
    "Promises": _promises,
    "Budgets": _budgets,
    "Passes": pass_lines,
    "Candidates": _candidates,
    "Calibration": _calibration,
    "Source model": source_lines,
    "Audit": audit_lines,
    "C source": c_source_lines,
    "Layer errors, worst first": layer_lines,
    "Layers": _treatments,
    "Environment": _environment,
    "Stages": _stages,
    "How to make it again": _reproduce,
}
