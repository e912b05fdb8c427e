"""Brings labels and predictions into the one shape that metrics compute on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import DataError


def threshold_of(scores: NDArray[Any]) -> float | None:
    """Return where a lone score becomes "yes": 0.5 for probabilities, 0 for logits.

    None if there are two or more columns. Decided on the source model's scores.
    """
    if scores.ndim > 1 and scores.shape[-1] > 1:
        return None
    return 0.5 if scores.size and scores.min() >= 0 and scores.max() <= 1 else 0.0


def class_scores(scores: NDArray[Any], threshold: float | None) -> NDArray[Any]:
    """Return scores with a column for each class; a lone score s becomes (2 threshold - s, s)."""
    if threshold is None:
        return scores
    lone = np.asarray(scores[..., 0] if scores.ndim > 1 else scores, np.float64)
    return np.stack([2 * threshold - lone, lone], axis=-1)


def as_classes(labels: Any, scores: NDArray[Any]) -> NDArray[np.int64]:
    """Return class numbers of the shape of ``scores`` without its last axis.

    Takes integers (also as whole floats, also with a last axis of 1) and one-hot rows.

    Args:
        labels: One row a sample.
        scores: (samples, ..., classes).

    Raises:
        DataError: dtype, length or shape do not fit, or a class is out of range.
    """
    array, wanted, classes = numbers(labels, len(scores)), scores.shape[:-1], scores.shape[-1]
    if array.shape == scores.shape:
        if array.min() < 0 or not np.allclose(array.sum(axis=-1), 1, atol=1e-3):
            raise DataError("expected one-hot labels, got rows that do not sum to 1")
        hot: NDArray[np.int64] = np.argmax(array, axis=-1)
        return hot
    if array.shape == (*wanted, 1):
        array = array[..., 0]
    if array.shape != wanted:
        raise DataError(
            f"expected labels of shape {wanted} (class numbers) or {scores.shape} (one-hot)"
            f" for outputs of shape {scores.shape}, got {array.shape}"
        )
    if np.any(np.mod(array, 1) != 0):
        raise DataError("expected whole class numbers, got fractions; is the metric mse or mae?")
    if array.min() < 0 or array.max() >= classes:
        raise DataError(
            f"expected class numbers 0..{classes - 1} for {classes} classes,"
            f" got {array.min():g}..{array.max():g}"
        )
    return array.astype(np.int64)


def as_targets(labels: Any, predictions: NDArray[Any]) -> NDArray[np.float64]:
    """Return labels as floats of the shape of the predictions.

    Raises:
        DataError: dtype, length or shape do not fit.
    """
    array = numbers(labels, len(predictions)).astype(np.float64)
    if array.size == predictions.size and _squeezed(array) == _squeezed(predictions):
        return array.reshape(predictions.shape)
    raise DataError(f"expected targets of shape {predictions.shape}, got {array.shape}")


def numbers(labels: Any, samples: int) -> NDArray[Any]:
    """Return labels as an array of finite numbers, a row a sample.

    Raises:
        DataError: they are not, or there is not one for each sample.
    """
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise DataError(f"expected labels of one shape: {error}") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"expected labels that are numbers, got dtype {array.dtype}")
    if array.ndim == 0 or len(array) != samples:
        came = "one number" if array.ndim == 0 else str(len(array))
        raise DataError(f"expected {samples} labels, one a sample, got {came}")
    if array.size == 0:
        raise DataError(f"expected labels, got an empty array of shape {array.shape}")
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise DataError("expected finite labels, got NaN or infinity")
    return array.astype(np.int64) if array.dtype.kind in "bu" else array


def _squeezed(array: NDArray[Any]) -> tuple[int, ...]:
    return tuple(size for size in array.shape[1:] if size != 1)
