"""Stored arrays into the variables of a rebuilt model, by name, and every one of them.

Keras 3 loads old files by order; two layers of one shape in another order are then swapped in
silence. Here layers are matched by name, variables by name where that is clear, and what is
left over on either side is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import SourceError

_NO_WEIGHTS = frozenset({"StateVar", "seed_generator_state", "rng_state"})  # random states


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One stored array under its full name (``block/conv/kernel``)."""

    name: str
    array: NDArray[Any]

    @property
    def leaf(self) -> str:
        """The variable's own name, without layer and without ``:0``."""
        return self.name.rsplit("/", 1)[-1].split(":", 1)[0]


def assign(model: Any, stored: Mapping[str, Sequence[Stored]], names: Mapping[str, str]) -> None:
    """Put every stored array into the layer of that name, and leave no variable unset.

    Args:
        model: The rebuilt model.
        stored: By layer name as in the file, in the file's order; a nested model's arrays
            stand together under its name.
        names: What mends have renamed: name in the file to name in the model.

    Raises:
        SourceError: a layer or a weight is missing on either side, or a shape differs.
    """
    by_name = {layer.name: layer for layer in model.layers}
    left = {layer.name for layer in model.layers if layer.weights}
    for name, arrays in stored.items():
        arrays = [a for a in arrays if a.leaf not in _NO_WEIGHTS]
        if not arrays:
            continue
        layer = by_name.get(names.get(name, name))
        if layer is None:
            raise SourceError(f"the file holds weights for a layer {name!r}, which its model lacks")
        _assign_layer(layer, arrays, names)
        left.discard(layer.name)
    if left:
        raise SourceError(
            f"the file holds no weights for layer {min(left)!r}; save the model again"
        )


def _assign_layer(layer: Any, arrays: Sequence[Stored], names: Mapping[str, str]) -> None:
    inner = _inner_layers(layer)
    if inner and (split := _split_by_layer(inner, arrays, names)):
        for part, own in split:
            _assign_leaf(part, own)
        return
    _assign_leaf(layer, arrays)


def _inner_layers(layer: Any) -> list[Any]:
    """Return the layers with weights at the bottom of a nested model; none for a plain layer."""
    import keras

    layer = getattr(layer, "layer", layer)  # a wrapper's model
    if not isinstance(layer, keras.Model):
        return []
    found: list[Any] = []
    for part in layer.layers:
        if part.weights and all(part is not f for f in found):
            found.extend(_inner_layers(part) or [part])
    return found


def _split_by_layer(
    inner: Sequence[Any], arrays: Sequence[Stored], names: Mapping[str, str]
) -> list[tuple[Any, list[Stored]]]:
    """Give each inner layer the arrays whose names hold its name; empty when that is not clear."""
    old = {new: name for name, new in names.items()}
    split = []
    for layer in inner:
        path = f"/{old.get(layer.name, layer.name)}/"
        split.append((layer, [a for a in arrays if path in f"/{a.name}"]))
    fits = all(len(own) == len(layer.weights) for layer, own in split)
    return split if fits and sum(len(own) for _, own in split) == len(arrays) else []


def _assign_leaf(layer: Any, arrays: Sequence[Stored]) -> None:
    variables = layer.trainable_weights + layer.non_trainable_weights
    if len(variables) != len(arrays):
        raise SourceError(
            f"layer {layer.name!r} has {len(variables)} weights, the file holds {len(arrays)}; "
            "the file's configuration and weights do not belong together"
        )
    for variable, item in zip(variables, _in_order(variables, arrays), strict=True):
        array = _fit(layer, variable, item.array)
        if tuple(variable.shape) != array.shape:
            raise SourceError(
                f"layer {layer.name!r}: weight {variable.name!r} has shape "
                f"{tuple(variable.shape)}, the file holds {array.shape}"
            )
        variable.assign(array)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _in_order(variables: Sequence[Any], arrays: Sequence[Stored]) -> list[Stored]:
    wanted = [variable.name for variable in variables]
    held = {item.leaf: item for item in arrays}
    if len(set(wanted)) == len(wanted) == len(held) and set(wanted) == set(held):
        return [held[name] for name in wanted]
    return list(arrays)


def _fit(layer: Any, variable: Any, array: NDArray[Any]) -> NDArray[Any]:
    """Turn the two bias vectors that cuDNN layers kept into what the portable layer adds up."""
    shape, kind = tuple(variable.shape), type(layer).__name__.upper()
    if array.ndim == 1 and kind.startswith(("LSTM", "GRU")):
        if len(shape) == 1 and array.size == 2 * shape[0]:
            return np.asarray(array.reshape(2, -1).sum(axis=0))
        if len(shape) == 2 and array.size == shape[0] * shape[1]:
            return array.reshape(shape)
    return array


def check_finite(model: Any) -> None:
    """Make sure that every weight is a number.

    Raises:
        SourceError: NaN or infinity; the text names up to three weights with their layers.
    """
    import keras

    bad = []
    for variable in model.weights:
        array = keras.ops.convert_to_numpy(variable)
        if not np.issubdtype(array.dtype, np.integer) and array.dtype != bool:
            count = int(array.size - np.isfinite(array.astype(np.float32)).sum())
            if count:
                layer, _, own = str(variable.path).rpartition("/")
                bad.append(f"layer {layer!r} weight {own!r} ({count} of {array.size})")
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise SourceError(
            f"the model holds NaN or infinite weights: {', '.join(bad[:3])}{more}; train it again"
        )
