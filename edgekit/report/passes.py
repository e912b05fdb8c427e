"""What passes did to a Keras model: the rows that all views share, and those of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.accuracy import StepErrors
from edgekit.report import text
from edgekit.report.model import CompressionFacts, ModelFigures, PassFacts, Report, TrainingFacts
from edgekit.report.sparsity import zeros_said
from edgekit.report.tables import bullets, escape, table

_MOST_FIGURES = 12
_FEW = 256
Row = tuple[str, str, str, str]


def changes(facts: CompressionFacts) -> Iterator[Row]:
    """Yield (figure, before, after, change) of the model's weight."""
    was, now = facts.before, facts.after
    yield (
        "parameters",
        f"{was.parameters:,}",
        f"{now.parameters:,}",
        _times(now.parameters, was.parameters),
    )
    if was.macs is not None and now.macs is not None:
        yield "multiply-accumulates", f"{was.macs:,}", f"{now.macs:,}", _times(now.macs, was.macs)
    yield "share of zeros", text.share(was.sparsity), text.share(now.sparsity), ""
    if was.values and now.values:
        most = [max(figures.values.values()) for figures in (was, now)]
        yield "distinct values a kernel, at most", f"{most[0]:,}", f"{most[1]:,}", ""
    yield "weights", *_sizes(was, now, "weight_bytes")
    yield "weights, compressed", *_sizes(was, now, "compressed_bytes")


def pass_rows(passes: Sequence[PassFacts]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (pass, layers treated, layers left alone, training, time) of every pass."""
    for each in passes:
        done = {treatment.layer for treatment in each.treatments if treatment.done is not None}
        left = {treatment.layer for treatment in each.treatments if treatment.skipped is not None}
        trained = "; ".join(map(_training, each.trainings)) or "-"
        count = str(len(done)), str(len(left - done))
        yield each.name, *count, trained, text.seconds(each.seconds)


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


def _training(trained: TrainingFacts) -> str:
    epochs = f"{trained.epochs} epoch{'' if trained.epochs == 1 else 's'}"
    name = next((n for n in ("val_accuracy", "accuracy", "val_loss", "loss")
                 if trained.history.get(n)), None)  # fmt: skip
    if name is None or not 0 < trained.best_epoch <= len(trained.history[name]):
        return epochs
    return f"{epochs}, {name} {trained.history[name][trained.best_epoch - 1]:.4g}"


def _sizes(was: ModelFigures, now: ModelFigures, key: str) -> tuple[str, str, str]:
    old, new = getattr(was, key), getattr(now, key)
    return text.kib(old), text.kib(new), _times(new, old)


def _times(now: int, was: int) -> str:
    """Return by how much a figure went down or up; nothing where it stayed."""
    return "" if now == was or not was else text.ratio(now / was)
