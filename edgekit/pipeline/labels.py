"""Labels of evaluation data: one array, or one for each output of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.artifact import TensorSpec
from edgekit.calibrate.samples import Batch, Samples
from edgekit.errors import DataError, OptionError


def has_labels(samples: Samples) -> bool:
    """Whether the data hold labels, as ``y`` or under names of their own."""
    return samples.labelled or bool(next(iter(samples.batches(1))).targets)


def check_labels(samples: Samples, metric: str | None) -> None:
    """Refuse data without labels where there is a metric.

    Raises:
        DataError: see above.
    """
    if metric and not has_labels(samples):
        raise DataError(
            f"{samples.origin}: metric {metric} needs labels, and the data have none; "
            "add an array y, or leave the metric out for agreement and SQNR"
        )


def check_class_names(
    names: Sequence[str], outputs: Sequence[TensorSpec], scored: str | None
) -> None:
    """Refuse names of classes that are not as many as a model has classes.

    A lone score tells two classes apart. Of several outputs any may be meant, unless one is
    ``scored``.

    Raises:
        OptionError: see above.
    """
    meant = [spec for spec in outputs if scored in (None, spec.name)]
    counts = [_classes(spec) for spec in meant]
    if not names or not counts or None in counts or len(names) in counts:
        return
    expected = " or ".join(str(count) for count in dict.fromkeys(counts))
    raise OptionError(
        f"class names: expected {expected}, one for each class of the model, got {len(names)}"
    )


def _classes(spec: TensorSpec) -> int | None:
    """Return how many classes an output tells apart; None if its size is not known."""
    columns = spec.shape[-1] if len(spec.shape) > 1 else 1
    return 2 if columns == 1 else columns


def labels_of(batch: Batch, outputs: Sequence[str]) -> Any:
    """Return an array, or arrays by output name where the data hold labels under such names."""
    named = {name: rows for name, rows in batch.targets.items() if name in outputs}
    if not named:
        return batch.labels
    rest = [name for name in outputs if name not in named]
    return {rest[0]: batch.labels, **named} if rest and batch.labels is not None else named


def joined(labels: Sequence[Any]) -> Any:
    """Join the labels of all batches; None where there are none."""
    if labels[0] is None:
        return None
    if isinstance(labels[0], Mapping):
        return {name: np.concatenate([part[name] for part in labels]) for name in labels[0]}
    return np.concatenate(labels)
