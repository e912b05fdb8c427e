"""Scores two predictions with one metric, and says how sure their difference is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy import labels as shapes
from edgekit.accuracy import paired
from edgekit.accuracy.metrics import Metric
from edgekit.errors import DataError, EdgekitError

_BUDGET = 40_000_000  # elements that a bootstrap may look at: some seconds
_NO_CHANGES: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Both scores and what lies between them; ``drop`` as in ``Evaluation``, but a share.

    ``scores`` holds both of every sample, (samples, 2); None for a metric of all at once.
    """

    source: float
    artifact: float
    drop: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    method: str
    to_wrong: NDArray[np.int64] = field(default_factory=lambda: _NO_CHANGES)
    to_right: NDArray[np.int64] = field(default_factory=lambda: _NO_CHANGES)
    notes: tuple[str, ...] = ()
    scores: NDArray[np.float64] | None = None


def difference(
    pair: tuple[Any, Any], labels: Any, metric: Metric, *, samples: int, seed: int
) -> Difference:
    """Score (reference, candidate) against labels; arrays, or dicts for a custom metric.

    Raises:
        DataError: labels or predictions do not fit the metric.
    """
    ready, truth, strata = _ready(pair, labels, metric, samples)
    source, artifact = (_score(metric, one, truth, samples) for one in ready)
    if isinstance(source, float) or isinstance(artifact, float):
        return _of_whole(ready, truth, metric, strata=strata, samples=samples, seed=seed)
    scores = np.stack([source, artifact], axis=1)
    if metric.higher_is_better and np.all((scores == 0) | (scores == 1)):
        return replace(_of_answers(scores), scores=scores)
    return replace(_of_samples(scores, metric, seed), scores=scores)


def _ready(
    pair: tuple[Any, Any], labels: Any, metric: Metric, samples: int
) -> tuple[tuple[Any, Any], Any, NDArray[Any] | None]:
    """Return predictions and labels as the metric takes them, and the strata to resample in."""
    if metric.kind == "classes":
        threshold = shapes.threshold_of(pair[0])
        ours, theirs = (shapes.class_scores(one, threshold) for one in pair)
        classes = shapes.as_classes(labels, ours)
        return (ours, theirs), classes, classes if classes.ndim == 1 else None
    if metric.kind == "targets":
        return pair, shapes.as_targets(labels, pair[0]), None
    if isinstance(labels, Mapping):
        named = {name: shapes.numbers(values, samples) for name, values in labels.items()}
        return pair, named, None
    return pair, shapes.numbers(labels, samples), None


def _score(metric: Metric, predictions: Any, truth: Any, samples: int) -> Any:
    """Return a float for all samples, or an array with one for each."""
    try:
        found = np.asarray(metric.score(predictions, truth), np.float64)
    except EdgekitError:
        raise
    except Exception as error:  # Whatever the user's function raises.
        raise DataError(
            f"metric {metric.name} failed on {samples} samples: {type(error).__name__}: {error}"
        ) from error
    if found.ndim == 0:
        return float(found)
    if found.shape != (samples,):
        raise DataError(
            f"metric {metric.name}: expected one number, or {samples}, one a sample;"
            f" got shape {found.shape}"
        )
    return found


def _of_answers(scores: NDArray[np.float64]) -> Difference:
    """Compare right and wrong answers."""
    to_wrong = np.flatnonzero(scores[:, 0] > scores[:, 1])
    to_right = np.flatnonzero(scores[:, 0] < scores[:, 1])
    source, artifact = scores.mean(axis=0)
    return Difference(
        source=float(source),
        artifact=float(artifact),
        drop=(len(to_wrong) - len(to_right)) / len(scores),
        interval=paired.agresti_min(len(to_wrong), len(to_right), len(scores)),
        p_value=paired.mcnemar_p(len(to_wrong), len(to_right)),
        method="paired answers: Agresti-Min interval, exact McNemar test",
        to_wrong=to_wrong,
        to_right=to_right,
    )


def _of_samples(scores: NDArray[np.float64], metric: Metric, seed: int) -> Difference:
    """Compare one number a sample."""
    with np.errstate(invalid="ignore"):
        source, artifact = (float(mean) for mean in scores.mean(axis=0))
    if not np.all(np.isfinite(scores)):
        return _unsure(source, artifact, metric, "some samples have no finite score")
    if len(scores) < 2:
        return _unsure(source, artifact, metric, "an interval needs two samples or more")
    count = max(500, min(2000, _BUDGET // len(scores)))
    return _sure(source, artifact, metric, paired.bootstrap_means(scores, count=count, seed=seed))


def _of_whole(
    pair: tuple[Any, Any],
    truth: Any,
    metric: Metric,
    *,
    strata: NDArray[Any] | None,
    samples: int,
    seed: int,
) -> Difference:
    """Compare one number for all samples, re-evaluated on resamples."""
    source, artifact = (float(np.mean(_score(metric, one, truth, samples))) for one in pair)
    if not (math.isfinite(source) and math.isfinite(artifact)):
        return _unsure(source, artifact, metric, "a score is not finite")
    count = int(min(1000, _BUDGET // max(1, _elements(pair[0]))))
    if samples < 2:
        return _unsure(source, artifact, metric, "an interval needs two samples or more")
    if count < 100:
        return _unsure(source, artifact, metric, "too many scores to resample them often enough")
    usual = 200 if metric.kind == "custom" else count

    def both(index: NDArray[np.int64]) -> tuple[float, float]:
        try:
            ours, theirs = (
                float(_score(metric, _rows(one, index), _rows(truth, index), samples))
                for one in pair
            )
        except DataError:
            return math.nan, math.nan
        return ours, theirs

    found = paired.bootstrap_scores(
        both, paired.resamples(samples, min(count, usual), seed=seed, strata=strata)
    )
    usable = found[np.isfinite(found).all(axis=1)]
    if len(usable) < len(found) / 2:
        return _unsure(source, artifact, metric, "the metric fails on most resamples")
    return _sure(source, artifact, metric, usable)


def _sure(
    source: float, artifact: float, metric: Metric, resampled: NDArray[np.float64]
) -> Difference:
    drop = _drop(source, artifact, metric)
    if drop is None or (source == 0 and not metric.higher_is_better):
        return _unsure(source, artifact, metric, "the source's error is 0: no relative increase")
    drops = resampled[:, 0] - resampled[:, 1]
    if not metric.higher_is_better:
        resampled = resampled[resampled[:, 0] > 0]
        drops = resampled[:, 1] / resampled[:, 0] - 1
    return Difference(
        source=source,
        artifact=artifact,
        drop=drop,
        interval=paired.percentile_interval(drops),
        p_value=paired.bootstrap_p(drops),
        method=f"paired bootstrap, {len(drops)} resamples: percentile interval",
    )


def _unsure(source: float, artifact: float, metric: Metric, reason: str) -> Difference:
    return Difference(
        source=source,
        artifact=artifact,
        drop=_drop(source, artifact, metric),
        interval=None,
        p_value=None,
        method=f"none: {reason}",
        notes=(f"no interval for the drop: {reason}",),
    )


def _drop(source: float, artifact: float, metric: Metric) -> float | None:
    """Return the loss as a share; None where it cannot be told."""
    if metric.higher_is_better:
        loss = source - artifact
    elif source > 0:
        loss = artifact / source - 1
    else:
        loss = 0.0 if source == artifact == 0 else math.nan
    return None if math.isnan(loss) else loss


def _rows(data: Any, index: NDArray[np.int64]) -> Any:
    if isinstance(data, Mapping):
        return {name: array[index] for name, array in data.items()}
    return data[index]


def _elements(data: Any) -> int:
    arrays = data.values() if isinstance(data, Mapping) else [data]
    return sum(int(np.size(array)) for array in arrays)
