"""How much each channel matters: one number a class of channels, all of a model comparable.

Scores are shares: those of the channels that a layer makes add up to 1, and a class that several
layers make adds up its shares. Li et al., "Pruning Filters for Efficient ConvNets" (2017), for the
L1 norm; Liu et al., "Learning Efficient Convolutional Networks through Network Slimming" (2017),
for the factors of batch normalization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.passes.channels.ledger import Ids
from edgekit.passes.channels.wiring import Wiring

Scores = NDArray[np.float64]
Norm = Literal["l1", "l2"]


def norms(weights: NDArray[Any], axis: int, kind: Norm) -> Scores:
    """Return the norm of each slice of an array along an axis.

    Args:
        weights: Any shape.
        axis: The one that stays.
        kind: "l1" sums magnitudes; "l2" takes the root of the sum of squares.
    """
    rows = np.moveaxis(np.abs(weights.astype(np.float64)), axis, 0).reshape(weights.shape[axis], -1)
    found: Scores = rows.sum(axis=1) if kind == "l1" else np.sqrt((rows**2).sum(axis=1))
    return found


def shares(scores: Scores) -> Scores:
    """Return scores divided by their sum; equal ones where all are zero."""
    total = scores.sum()
    return scores / total if total > 0 else np.full(len(scores), 1 / max(1, len(scores)))


def by_filters(wiring: Wiring, kind: Norm) -> Scores:
    """Score every class by the norms of the filters that make it."""
    scores = np.zeros(len(wiring.everything()))
    for name, cut in wiring.cuts.items():
        for place, axis in cut.filters:
            weights = np.asarray(_value(wiring.layers[name].variables[place]))
            found = shares(norms(weights, axis, kind))
            np.add.at(scores, wiring.classes[cut.axes[place][axis]], found)
    return scores


def by_scales(wiring: Wiring) -> Scores:
    """Score every class by its batch normalizations' factors; by L2 norms where it has none.

    A class with several batch normalizations has the mean of their scores.
    """
    scores, seen = np.zeros(len(wiring.everything())), np.zeros(len(wiring.everything()))
    for name, cut in wiring.cuts.items():
        for place, axis in cut.scales:
            factors = np.abs(np.asarray(_value(wiring.layers[name].variables[place])))
            classes = wiring.classes[cut.axes[place][axis]]
            np.add.at(scores, classes, shares(factors.astype(np.float64)))
            np.add.at(seen, classes, 1)
    return np.where(seen > 0, scores / np.maximum(seen, 1), by_filters(wiring, "l2"))


def by_sensitivity(wiring: Wiring, batches: Iterable[Mapping[int, NDArray[Any]]]) -> Scores:
    """Score every class by what the loss would gain without it, to first order.

    Molchanov et al., "Importance Estimation for Neural Network Pruning" (2019), equation (8) at a
    gate behind each channel: the square of the sum of gradient times weight, averaged over
    batches. The gate is the batch normalization, if there is one with a factor, else the filter
    and its bias.

    Args:
        wiring: Of the model.
        batches: Gradient times weight by the ``id()`` of the variable, for each batch.
    """
    gates = _gates(wiring)
    scores = np.zeros(len(wiring.everything()))
    count = 0
    for products in batches:
        signal = np.zeros(len(scores))
        for variable, axis, classes in gates:
            if (found := products.get(id(variable))) is not None:
                others = tuple(number for number in range(found.ndim) if number != axis)
                np.add.at(signal, classes, found.sum(axis=others))
        scores += signal**2
        count += 1
    return scores / max(1, count)


def _gates(wiring: Wiring) -> list[tuple[Any, int, Ids]]:
    """Return the variables that scale channels, the axis of these, and their classes."""
    scaled = {name for name, cut in wiring.cuts.items() if cut.scales}
    gates = [gate for name in scaled for gate in _along(wiring, name)]
    covered = np.zeros(len(wiring.everything()), np.bool_)
    for _, _, classes in gates:
        covered[classes] = True
    for name, cut in wiring.cuts.items():
        for place, axis in cut.filters:
            if not covered[wiring.classes[cut.axes[place][axis]]].all():
                gates += _along(wiring, name, cut.axes[place][axis])
    return gates


def _along(wiring: Wiring, name: str, only: Ids | None = None) -> list[tuple[Any, int, Ids]]:
    return [
        (wiring.layers[name].variables[place], axis, wiring.classes[ids])
        for place, along in wiring.cuts[name].axes.items()
        for axis, ids in along.items()
        if only is None or ids is only
    ]


def _value(variable: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(variable)
