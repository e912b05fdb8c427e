"""Labels of evaluation data: one array, or one for each output of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.calibrate.samples import Batch, Samples
from edgekit.errors import DataError


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
