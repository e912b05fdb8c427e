"""The Markdown section about what passes did to a Keras model."""

from __future__ import annotations

from edgekit.accuracy import StepErrors
from edgekit.report import text
from edgekit.report.markdown.syntax import bullets, escape, table
from edgekit.report.model import CompressionFacts, PassFacts, Report, TrainingFacts
from edgekit.report.passes import changes, pass_rows
from edgekit.report.sparsity import zeros_said

_MOST_FIGURES = 12
_FEW = 256


def pass_lines(report: Report) -> list[str]:
    """Return the section of a report: the recipe, what it cost, and every pass with its layers."""
    facts = report.compression
    if facts is None:
        return []
    said = [f"recipe {facts.recipe}: {facts.description}"]
    lines = bullets([*said, *([f"trained for {facts.task}"] if facts.task else [])])
    lines += ["", *table(("", "before", "after", "change"), changes(facts), numbers=(1, 2, 3))]
    heading = ("pass", "layers treated", "left alone", "training", "time")
    lines += ["", *table(heading, pass_rows(report.passes), numbers=(1, 2, 4))]
    lines += ["", *_kernels(facts)]
    if (sentence := zeros_said(report)) is not None:
        lines += ["", f"{escape(sentence)}."]
    if report.simulation is not None:
        lines += ["", _against_simulation(report.simulation)]
    for each in report.passes:
        lines += ["", f"### {each.name}", "", *_one(each)]
    return lines


def _kernels(facts: CompressionFacts) -> list[str]:
    """Return a row for each kernel that holds zeros or few values."""
    now = facts.after
    told = [path for path in now.values if now.zeros[path] >= 0.01 or now.values[path] <= _FEW]
    rows = [(path, text.share(now.zeros[path]), f"{now.values[path]:,}") for path in told]
    heading = ("kernel", "share of zeros", "distinct values")
    return table(heading, rows, numbers=(1, 2)) if rows else []


def _against_simulation(found: StepErrors) -> str:
    same = "" if found.agreement is None else f", {text.share(found.agreement)} same first class"
    return (
        f"The file against the simulation that the model was trained in, on {found.samples:,} "
        f"samples: {text.share(found.within_one)} of outputs within one step (1 LSB), the farthest "
        f"{found.largest_lsb:.3g} steps{same}."
    )


def _one(each: PassFacts) -> list[str]:
    said = [f"{name}: {value}" for name, value in each.options.items()]
    figures = [f"{name}: {value:.6g}" for name, value in each.figures.items()]
    cut = len(figures) - _MOST_FIGURES
    lines = bullets(said) if said else ["It has no options."]
    if figures:
        more = [f"{cut} more figures in report.json"] if cut > 0 else []
        lines += ["", *bullets([*figures[:_MOST_FIGURES], *more])]
    for trained in each.trainings:
        lines += ["", *_history(trained)]
    rows = [(one.layer, one.done or "-", one.skipped or "-") for one in each.treatments]
    return [*lines, "", *table(("layer", "done", "left alone because"), rows)] if rows else lines


def _history(trained: TrainingFacts) -> list[str]:
    names = list(trained.history)
    rows = [
        (f"{epoch + 1}{' (kept)' if epoch + 1 == trained.best_epoch else ''}",
         *(f"{trained.history[name][epoch]:.4g}" for name in names))
        for epoch in range(min((len(trained.history[name]) for name in names), default=0))
    ]  # fmt: skip
    return table((f"epoch of {trained.label}", *names), rows, numbers=range(1, len(names) + 1))
