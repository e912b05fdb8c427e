"""The four numbers of an artifact: as it was, as it is, and the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.accuracy import Evaluation
from edgekit.report import text
from edgekit.report.figures import compression_ratio, speedup
from edgekit.report.model import Report

Kind = Literal["better", "worse", "same", "unknown"]
_NOTICEABLE = 0.02


@dataclass(frozen=True, kw_only=True)
class Number:
    """One of the four. ``missing`` says why there is none, and which option brings it."""

    title: str
    was: str = ""
    now: str = ""
    change: str = ""
    kind: Kind = "unknown"
    note: str = ""
    missing: str = ""


def numbers(report: Report) -> tuple[Number, Number, Number, Number]:
    """Return accuracy, latency, size and memory."""
    return _accuracy(report), _latency(report), _size(report), _memory(report)


def story(report: Report) -> str:
    """Return in two or three sentences what was gained, what was lost, and where."""
    said = [f"{_cost(report)}."]
    found = report.evaluation
    if found is None or found.drop_pp is None:
        said.append("Whether accuracy was lost was not measured on labelled data.")
    else:
        said.append(f"Accuracy: {_lost(found)}.")
    if report.layers is not None and (worst := report.layers.worst_drop) is not None:
        name = text.visible(worst.name.partition(";")[0], most=80)
        said.append(f"Most of the error arises at {name}.")
    return " ".join(said)


def _cost(report: Report) -> str:
    size, time = _size(report), _latency(report)
    parts = [f"{size.change} than the float file" if size.kind != "same" else "as large as the "
             "float file"]  # fmt: skip
    if time.change:
        parts.append(f"{'as fast' if time.kind == 'same' else time.change} on this host")
    return f"The file is {' and '.join(parts)}"


def _lost(found: Evaluation) -> str:
    low, high = found.drop_low_pp, found.drop_high_pp
    if low is None or high is None:
        return f"the drop is {text.drop(found)}, with no interval"
    sure = f"{text.drop(found)}, the interval at 95 %"
    if low <= 0 <= high:
        return f"{found.samples:,} samples cannot tell a loss or gain; the drop is {sure}"
    return f"{found.samples:,} samples show a {'loss' if low > 0 else 'gain'}; the drop is {sure}"


def _accuracy(report: Report) -> Number:
    found = report.evaluation
    if found is None:
        return Number(
            title="Accuracy",
            now=f"SQNR {text.decibels(report.parity_sqnr_db)}",
            note=f"agreement with the source model on {report.parity_samples}",
            missing="no labelled data: --evaluate DATA --metric top1",
        )
    note = f"{found.samples:,} samples; {found.method}"
    if found.metric is None:
        said = found.agreement is not None and f"{text.share(found.agreement)} the same answer"
        return Number(title="Accuracy", now=said or f"SQNR {text.decibels(found.sqnr_db_min)}",
                      note=note, missing="no score: --metric top1 and labels")  # fmt: skip
    low, high = found.drop_low_pp, found.drop_high_pp
    sure = low is not None and high is not None and not low <= 0 <= high
    kind: Kind = "unknown" if not sure else "worse" if (found.drop_pp or 0) > 0 else "better"
    if kind == "unknown" and low is not None:
        note = f"the interval holds 0: these samples cannot tell whether anything was lost; {note}"
    return Number(
        title=f"Accuracy ({text.visible(found.metric, most=60)})",
        was=text.score(found.source_score),
        now=text.score(found.artifact_score),
        change=f"drop {text.drop(found)}",
        kind=kind,
        note=note,
    )


def _latency(report: Report) -> Number:
    if report.latency is None:
        return Number(title="Latency", missing="not measured: leave --no-measure out")
    own, base = report.latency.artifact, report.latency.float_baseline
    note = f"median of {len(own.samples_ms):,} runs, {own.threads} thread(s), "
    note += text.visible(own.host.cpu, most=60)
    faster = speedup(report.latency)
    if base is None or faster is None:
        return Number(title="Latency", now=text.milliseconds(own.median_ms), note=note)
    return Number(
        title="Latency",
        was=text.milliseconds(base.median_ms),
        now=text.milliseconds(own.median_ms),
        change=_times(faster, "faster", "slower"),
        kind=_kind(faster),
        note=f"{note}; was: the float file of the same format",
    )


def _size(report: Report) -> Number:
    facts, smaller = report.artifact, compression_ratio(report.artifact)
    return Number(
        title="Size",
        was=text.kib(facts.float_size_bytes),
        now=text.kib(facts.size_bytes),
        change=_times(smaller, "smaller", "larger") if smaller else "",
        kind=_kind(smaller or 1.0),
        note="was: the float file of the same format",
    )


def _memory(report: Report) -> Number:
    if report.latency is None:
        return Number(title="Memory", missing="not measured: leave --no-measure out")
    own, base = report.latency.artifact, report.latency.float_baseline
    note = f"added to the process by the model; peak of the process {own.peak_memory_mib:.0f} MiB"
    now = f"{own.model_memory_mib:.1f} MiB"
    if base is None:
        return Number(title="Memory", now=now, note=note)
    less = base.model_memory_mib - own.model_memory_mib
    return Number(
        title="Memory",
        was=f"{base.model_memory_mib:.1f} MiB",
        now=now,
        change=f"{-less:+.1f} MiB" if abs(less) >= 0.05 else "the same",
        kind="same" if abs(less) < 0.5 else "better" if less > 0 else "worse",
        note=note,
    )


def _times(ratio: float, better: str, worse: str) -> str:
    if abs(ratio - 1) < _NOTICEABLE:
        return "the same"
    return f"{text.ratio(ratio)} {better}" if ratio > 1 else f"{text.ratio(1 / ratio)} {worse}"


def _kind(ratio: float) -> Kind:
    if abs(ratio - 1) < _NOTICEABLE:
        return "same"
    return "better" if ratio > 1 else "worse"
