"""Compares two sets of predictions that were made on the same samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy import labels as shapes
from edgekit.accuracy.answers import Answers, answers_of
from edgekit.accuracy.metrics import Metric, Predictions
from edgekit.accuracy.paired_score import Difference, difference
from edgekit.accuracy.sqnr import Power
from edgekit.errors import DataError

_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Samples whose answer changed: how many, and the indices of the first hundred each way."""

    to_wrong: int = 0
    to_right: int = 0
    to_wrong_samples: tuple[int, ...] = ()
    to_right_samples: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an artifact lost against the source model on the same samples.

    Figures that need labels are None without. ``drop_pp`` is 100 (source - artifact), in points, of
    a score where higher is better. Of an error (mse, mae, lower is better) it is
    100 (artifact - source) / source: the increase in per cent of the source's own error. Either
    way positive is worse; ``drop_unit`` says which. ``drop_low_pp`` and ``drop_high_pp`` bound it
    at 95 %, paired; ``method`` says how, and how ``p_value`` was got. ``agreement`` is the share of
    samples (positions, where there are several a sample) with the same first class, None for
    outputs that are no class scores. ``sqnr_db`` is by output name, ``max_abs_error`` over all.
    ``answers`` are kept for comparing with other artifacts; None without a score for each sample.
    """

    metric: str | None = None
    higher_is_better: bool = True
    output: str | None = None
    samples: int
    source_score: float | None = None
    artifact_score: float | None = None
    drop_pp: float | None = None
    drop_low_pp: float | None = None
    drop_high_pp: float | None = None
    drop_unit: str = "points"
    p_value: float | None = None
    method: str = "none: no metric"
    agreement: float | None = None
    sqnr_db: dict[str, float]
    sqnr_db_min: float
    max_abs_error: float
    flips: Flips = field(default_factory=Flips)
    notes: tuple[str, ...] = ()
    answers: Answers | None = None


def evaluate(
    reference: Predictions,
    candidate: Predictions,
    labels: Any = None,
    metric: Metric | None = None,
    *,
    output: str | None = None,
    seed: int = 0,
) -> Evaluation:
    """Compare an artifact's predictions with the source model's, row by row.

    Args:
        reference: The source model's outputs, by name: a row a sample, finite.
        candidate: The artifact's outputs on the same samples, under the same names.
        labels: A row a sample; or those by output name; None without.
        metric: What to score with; needs labels. None: agreement and SQNR only.
        output: The output that the metric is for; otherwise the only one, the only one that labels
            are named for, or the first, with a note.
        seed: Of the bootstrap.

    Raises:
        DataError: predictions or labels do not fit each other or the metric.
    """
    candidate = _aligned(reference, candidate)
    powers = {name: Power().add(np.asarray(reference[name]), candidate[name]) for name in reference}
    chosen, notes = _choose(reference, labels, output)
    samples = len(reference[chosen])
    errors: dict[str, Any] = {
        "samples": samples,
        "sqnr_db": {name: power.sqnr_db for name, power in powers.items()},
        "sqnr_db_min": min(power.sqnr_db for power in powers.values()),
        "max_abs_error": max(power.peak for power in powers.values()),
        "agreement": _agreement(reference[chosen], candidate[chosen], metric),
        "output": chosen,
    }
    if metric is None:
        return Evaluation(notes=tuple(notes), **errors)
    if labels is None:
        raise DataError(f"metric {metric.name} needs labels, got none; give a labelled set")
    whole = metric.kind == "custom" and output is None and len(reference) > 1
    picked = labels
    if isinstance(labels, Mapping) and not whole:
        picked = _labels_for(labels, chosen)
    pair = (reference, candidate) if whole else (reference[chosen], candidate[chosen])
    found = difference(pair, picked, metric, samples=samples, seed=seed)
    return Evaluation(
        **errors | ({"output": None} if whole else {}),
        **_scores(metric, found),
        notes=(*(() if whole else notes), *found.notes),
        answers=None if found.scores is None else answers_of(found.scores, picked),
    )


def _scores(metric: Metric, found: Difference) -> dict[str, Any]:
    low, high = found.interval or (None, None)
    broken, mended = found.to_wrong, found.to_right
    return {
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "source_score": found.source,
        "artifact_score": found.artifact,
        "drop_pp": None if found.drop is None else 100 * found.drop,
        "drop_low_pp": None if low is None else 100 * low,
        "drop_high_pp": None if high is None else 100 * high,
        "drop_unit": "points" if metric.higher_is_better else "per cent of the source's error",
        "p_value": found.p_value,
        "method": found.method,
        "flips": Flips(
            to_wrong=len(broken),
            to_right=len(mended),
            to_wrong_samples=tuple(int(index) for index in broken[:_SHOWN]),
            to_right_samples=tuple(int(index) for index in mended[:_SHOWN]),
        ),
    }


def _aligned(reference: Predictions, candidate: Predictions) -> dict[str, NDArray[Any]]:
    """Return the candidate in the reference's shapes; axes of size 1 may differ."""
    if not reference or set(reference) != set(candidate):
        raise DataError(f"expected outputs {sorted(reference)}, got {sorted(candidate)}")
    counts = {name: np.shape(array)[:1] for name, array in reference.items()}
    if len(set(counts.values())) != 1 or () in counts.values() or (0,) in counts.values():
        raise DataError(f"expected predictions for as many samples, at least one, got {counts}")
    aligned = {}
    for name, array in reference.items():
        wanted, came = np.shape(array), np.shape(candidate[name])
        squeezed = [tuple(size for size in shape[1:] if size != 1) for shape in (wanted, came)]
        if wanted[:1] != came[:1] or squeezed[0] != squeezed[1]:
            raise DataError(f"output {name!r}: expected predictions of shape {wanted}, got {came}")
        if not np.all(np.isfinite(array)):
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise DataError(
                f"output {name!r}: the source model gives NaN or infinity for sample {row};"
                f" check the sample and the model"
            )
        aligned[name] = np.reshape(candidate[name], wanted)
    return aligned


def _choose(reference: Predictions, labels: Any, output: str | None) -> tuple[str, list[str]]:
    if output is not None:
        if output not in reference:
            raise DataError(f"no output {output!r}; the model has {sorted(reference)}")
        return output, []
    if len(reference) == 1:
        return next(iter(reference)), []
    named = [name for name in reference if isinstance(labels, Mapping) and name in labels]
    if len(named) == 1:
        return named[0], []
    first = (named or list(reference))[0]
    return first, [
        f"of {len(reference)} outputs, {first!r} was scored; --output-name chooses another"
    ]


def _labels_for(labels: Mapping[str, Any], chosen: str) -> Any:
    if chosen in labels:
        return labels[chosen]
    if len(labels) == 1:
        return next(iter(labels.values()))
    raise DataError(f"expected labels for output {chosen!r}, got labels for {sorted(labels)}")


def _agreement(
    reference: NDArray[Any], candidate: NDArray[Any], metric: Metric | None
) -> float | None:
    kind = "custom" if metric is None else metric.kind
    if kind == "targets" or (kind == "custom" and not _probabilities(reference)):
        return None
    threshold = shapes.threshold_of(reference)
    ours = shapes.class_scores(reference, threshold).argmax(axis=-1)
    theirs = shapes.class_scores(candidate, threshold)
    with np.errstate(invalid="ignore"):
        same = (ours == theirs.argmax(axis=-1)) & ~np.isnan(theirs).any(axis=-1)
    return float(same.mean())


def _probabilities(scores: NDArray[Any]) -> bool:
    """Whether scores look like probabilities of classes: rows sum to 1, or one column in [0, 1]."""
    if scores.size == 0 or scores.min() < 0 or scores.max() > 1 or math.isclose(scores.max(), 0):
        return False
    if shapes.threshold_of(scores) is not None:
        return scores.ndim <= 2
    return bool(np.allclose(scores.sum(axis=-1), 1, atol=1e-2))
