"""Names, order and nesting of what models take and give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.trace.shapes import declared

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ports:
    """Inputs and outputs of the source model by name, in order; the trained one has the same.

    ``outputs`` maps the name of each output to what the source model gave for an example.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: Mapping[str, Array]


def ports(model: Any, example: Mapping[str, Array]) -> Ports:
    """Find a model's ports by running it on some samples, in inference mode.

    Args:
        model: Built.
        example: Arrays by the names of its inputs, a row a sample.
    """
    import keras

    signature = declared(model)
    result = model(signature.pack([example[spec.name] for spec in signature.specs]), training=False)
    flat = list(leaves(result))
    inner = getattr(model, "_functional", None) or model
    layers = list(getattr(inner, "output_names", None) or [])
    fallback = layers if len(layers) == len(flat) else [f"output_{i}" for i in range(len(flat))]
    outputs: dict[str, Array] = {}
    for (key, tensor), layer in zip(flat, fallback, strict=True):
        name = key or layer
        while name in outputs:  # one layer may give two outputs
            name += "_1"
        outputs[name] = np.asarray(keras.ops.convert_to_numpy(tensor))
    return Ports(inputs=signature.specs, outputs=outputs)


def leaves(value: Any, key: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Yield the tensors of a nested result in order, each with its key if it stands in a dict."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(item, str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, None)
    else:
        yield key, value
