"""Metrics: what a prediction is worth, for each sample or for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit import usercode
from edgekit.errors import DataError, OptionError, UnknownName

Predictions = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A named score.

    ``score(predictions, labels)`` returns one number a sample, whose mean is the score, or one
    number for all. ``kind`` says what it is given: ``classes``: (samples, ..., classes) scores and
    class numbers; ``targets``: predictions and targets of one shape; ``custom``: what came.
    """

    name: str
    score: Callable[[Any, Any], Floats | float]
    kind: Literal["classes", "targets", "custom"]
    higher_is_better: bool = True


def top_k(scores: NDArray[Any], classes: NDArray[np.int64], *, k: int) -> Floats:
    """Return 1 where the true class is among the k highest scores; of equal ones the first wins.

    A sample whose scores hold NaN counts as wrong. Shapes as in ``labels.as_classes``; with
    several positions a sample, the share of right ones.

    Raises:
        DataError: there are no more than k classes, so that everything would be right.
    """
    count = scores.shape[-1]
    if count <= k:
        raise DataError(f"top{k} expects more than {k} classes, got {count}; use top1")
    true = np.take_along_axis(scores, classes[..., None], axis=-1)
    earlier = np.arange(count) < classes[..., None]
    ahead = (scores > true) | ((scores == true) & earlier)
    right = (ahead.sum(axis=-1) < k) & ~np.isnan(scores).any(axis=-1)
    per_sample: Floats = right.reshape(len(right), -1).mean(axis=1)
    return per_sample


def auc(scores: NDArray[Any], classes: NDArray[np.int64]) -> float:
    """Return the area under the ROC curve: the chance that a positive outranks a negative.

    Ties count half (Hanley and McNeil 1982, "The meaning and use of the area under a receiver
    operating characteristic curve", equation for W). With more than two classes: the mean, over
    the classes that occur, of one class against the rest. NaN ranks lowest.

    Args:
        scores: (samples, classes).
        classes: (samples,).

    Raises:
        DataError: only one class occurs, or the shape is another.
    """
    if scores.ndim != 2:
        raise DataError(f"auc expects one row of scores a sample, got shape {scores.shape}")
    present = np.unique(classes)
    if len(present) < 2:
        raise DataError(f"auc expects samples of two classes or more, got {len(present)}")
    if scores.shape[1] == 2:
        with np.errstate(invalid="ignore"):
            return _area(np.subtract(scores[:, 1], scores[:, 0], dtype=np.float64), classes == 1)
    return float(np.mean([_area(scores[:, one], classes == one) for one in present]))


def _area(score: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    score = np.where(np.isnan(score), -np.inf, score)
    yes, no = score[positive], np.sort(score[~positive])
    below = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
    return float(below.mean() / (2 * len(no)))


def squared_error(predictions: NDArray[Any], targets: Floats) -> Floats:
    """Return each sample's mean squared error; NaN counts as infinite."""
    return _per_sample((np.asarray(predictions, np.float64) - targets) ** 2)


def absolute_error(predictions: NDArray[Any], targets: Floats) -> Floats:
    """Return each sample's mean absolute error; NaN counts as infinite."""
    return _per_sample(np.abs(np.asarray(predictions, np.float64) - targets))


def _per_sample(error: Floats) -> Floats:
    mean: Floats = np.nan_to_num(error.reshape(len(error), -1).mean(axis=1), nan=np.inf)
    return mean


_TOP1 = functools.partial(top_k, k=1)

METRICS: dict[str, Metric] = {
    "top1": Metric(name="top1", score=_TOP1, kind="classes"),
    "accuracy": Metric(name="top1", score=_TOP1, kind="classes"),
    "top5": Metric(name="top5", score=functools.partial(top_k, k=5), kind="classes"),
    "auc": Metric(name="auc", score=auc, kind="classes"),
    "mse": Metric(name="mse", score=squared_error, kind="targets", higher_is_better=False),
    "mae": Metric(name="mae", score=absolute_error, kind="targets", higher_is_better=False),
}


def metric(name: str) -> Metric:
    """Return a metric by name, or the user's own function by ``module:function``.

    The function takes (predictions, labels): an array, or a dict of arrays for a model of several
    outputs of which none was chosen. It returns one score a sample or one number. Higher is better
    unless the function has an attribute ``higher_is_better = False``. The module is also looked
    for in the current folder.

    Raises:
        UnknownName: there is no such metric.
        OptionError: the module or function cannot be found or is not callable.
    """
    if name in METRICS:
        return METRICS[name]
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute):
        raise UnknownName("metric", name, [*METRICS, "module:function"])
    function = getattr(_import(module, name), attribute, None)
    if not callable(function):
        raise OptionError(f"metric {name!r}: expected a function {attribute!r} in {module!r}")
    better = bool(getattr(function, "higher_is_better", True))
    return Metric(name=name, score=function, kind="custom", higher_is_better=better)


def _import(module: str, name: str) -> Any:
    try:
        return usercode.import_module(module)
    except Exception as error:  # Whatever the user's module raises on import.
        raise OptionError(
            f"metric {name!r}: module {module!r} cannot be imported:"
            f" {type(error).__name__}: {error}"
        ) from error
