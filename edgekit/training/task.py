"""What a model is trained to do: a loss and metrics for each of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import TrainingError, UnknownName, one_line
from edgekit.training.chosen import Chosen

Array = NDArray[Any]
Kind = Literal["probabilities", "logits", "yes-no", "yes-no logits", "values"]
"""What an output means: a distribution over the last axis or its logits, independent yes-or-no
probabilities or their logits, or plain numbers."""

Maker = Callable[[str], Any]
"""Makes a fresh metric; what it is given opens its name."""

SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY = "binary_crossentropy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Goal:
    """What one output is trained for.

    Args:
        loss: ``loss(labels, outputs)`` gives a number a sample, or a mean; None where there are no
            labels.
        said: The loss in words, and where it comes from.
        kind: What the output means.
        name: Of the loss, as Keras spells it.
        metrics: Make fresh metrics.
        weight: Of this loss in the sum over outputs.
    """

    loss: Any
    said: str
    kind: Kind
    name: str = ""
    metrics: tuple[Maker, ...] = ()
    weight: float = 1.0


def meaning(outputs: Array, loss: str = "", end: str = "") -> Kind:
    """Tell what an output means: by the activation at its end, else by what a model gave.

    Args:
        outputs: Shape ``(n, ...)``.
        loss: Name of the loss, if any: only that tells logits from other numbers.
        end: Name of the activation that the output comes from, if known.
    """
    values = outputs.astype(np.float64)
    between = end != "linear" and bool(((values >= 0) & (values <= 1)).all())
    if loss == BINARY:
        return "yes-no" if between or end == "sigmoid" else "yes-no logits"
    spread = values.ndim > 1 and values.shape[-1] > 1
    sums = between and spread and np.allclose(values.sum(axis=-1), 1, atol=1e-3)
    if end == "softmax" or sums:
        return "probabilities"
    if loss in (SPARSE, CATEGORICAL):
        return "logits"
    return "yes-no" if between and not loss else "values"


def guessed(labels: Array, outputs: Array) -> str:
    """Guess a loss by labels and by what the model gave for these samples.

    Whole numbers with one a place and several outputs are classes; zeros and ones of the outputs'
    shape are one-hot if each row has one 1 and the outputs more than one column, else yes or no;
    all else are values.

    Raises:
        TrainingError: labels fit the outputs in no such way.
    """
    classes = outputs.shape[-1] if outputs.ndim > 1 else 1
    whole = labels.dtype.kind in "biu" or bool((labels == np.rint(labels)).all())
    same = _squeezed(labels.shape) == _squeezed(outputs.shape)
    zeros_ones = bool(((labels == 0) | (labels == 1)).all())
    if same and whole and zeros_ones:
        if classes == 1:
            return BINARY
        one_hot = bool((labels.reshape(outputs.shape).sum(axis=-1) == 1).all())
        return CATEGORICAL if one_hot else BINARY
    if same:
        return "mean_squared_error"
    if whole and classes > 1 and _squeezed(labels.shape) == _squeezed(outputs.shape[:-1]):
        return SPARSE
    raise TrainingError(
        f"expected labels that fit outputs of shape {outputs.shape[1:]}: classes, one-hot rows or "
        f"values, got labels of shape {labels.shape[1:]} and dtype {labels.dtype}; mend the data, "
        "or give a loss"
    )


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without its axes of 1, apart from the first axis."""
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def goal(labels: Array, outputs: Array, chosen: Chosen, *, end: str = "") -> Goal:
    """Make the goal of one output.

    Args:
        labels: Of some samples.
        outputs: What the source model gave for them.
        chosen: Loss and metrics; no loss is guessed, no metrics are accuracy where labels are
            classes.
        end: The activation that the output comes from, if known.

    Raises:
        TrainingError: there is no such loss or metric, or none fits.
    """
    loss, origin = chosen.loss, chosen.origin
    if loss is None:
        guess = "guessed from labels and outputs"
        loss, origin = guessed(labels, outputs), f"{origin}: {guess}" if origin else guess
    name = _name(loss)
    kind = meaning(outputs, name, end)
    made = _loss(loss, name, kind) if isinstance(loss, str) else loss
    classes = name in (SPARSE, CATEGORICAL, BINARY)
    wanted = chosen.metrics or (("accuracy",) if classes else ())
    logits = " on logits" if classes and kind in ("logits", "yes-no logits") else ""
    return Goal(
        loss=made,
        said=f"{name}{logits} ({origin})",
        kind=kind,
        name=name,
        metrics=tuple(_metric(metric, name, kind) for metric in wanted),
        weight=chosen.weight,
    )


def _name(loss: Any) -> str:
    """Return the name of a loss as Keras spells it in snake case."""
    if isinstance(loss, str):
        return _known().get(loss.replace("_", "").lower(), loss)
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return _known().get(str(name).replace("_", "").lower(), str(name))


def _known() -> Mapping[str, str]:
    """Map the spellings of the losses that mean something here to one of them."""
    names = (SPARSE, CATEGORICAL, BINARY, "mean_squared_error", "mean_absolute_error")
    short = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}
    return short | {name.replace("_", ""): name for name in names}


def _loss(loss: str, name: str, kind: Kind) -> Any:
    import keras

    makers: Mapping[str, Any] = {
        SPARSE: keras.losses.SparseCategoricalCrossentropy,
        CATEGORICAL: keras.losses.CategoricalCrossentropy,
        BINARY: keras.losses.BinaryCrossentropy,
    }
    if name in makers:
        return makers[name](from_logits=kind in ("logits", "yes-no logits"))
    try:
        return keras.losses.get(loss)
    except ValueError as error:
        raise UnknownName("loss", loss, (*makers, "mean_squared_error", "huber")) from error


def _metric(metric: Any, loss: str, kind: Kind) -> Maker:
    import keras

    if metric in ("accuracy", "acc"):
        if loss == SPARSE:
            return lambda before: keras.metrics.SparseCategoricalAccuracy(name=f"{before}accuracy")
        if loss == CATEGORICAL:
            return lambda before: keras.metrics.CategoricalAccuracy(name=f"{before}accuracy")
        threshold = 0.5 if kind == "yes-no" else 0.0
        return lambda before: keras.metrics.BinaryAccuracy(
            name=f"{before}accuracy", threshold=threshold
        )
    try:
        found = keras.metrics.get(metric)
    except (ValueError, TypeError) as error:
        raise TrainingError(
            f"expected a Keras metric, got {metric!r}: {one_line(error, 120)}; "
            "give one by name, such as accuracy or mean_absolute_error"
        ) from error
    name = metric if isinstance(metric, str) else getattr(found, "__name__", None)
    if isinstance(found, keras.metrics.Metric):
        config, name = found.get_config(), name or found.name
        return lambda before: type(found).from_config(config | {"name": f"{before}{name}"})
    return lambda before: keras.metrics.MeanMetricWrapper(found, name=f"{before}{name}")
