"""What passes did to a Keras model: the rows that all views share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.report import text
from edgekit.report.model import CompressionFacts, ModelFigures, PassFacts, TrainingFacts

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
