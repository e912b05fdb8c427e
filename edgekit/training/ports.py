"""Names, order and nesting of what models take and give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.trace.outputs import leaves, outputs_of
from edgekit.trace.shapes import declared

Array = NDArray[Any]
Shape = tuple[int | None, ...]

_ONLY_SHAPES = ("Reshape", "Flatten", "Permute", "Squeeze", "Identity", "Transpose", "ExpandDims")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ports:
    """Inputs and outputs of a model by name, in order.

    ``outputs`` maps the name of each output to what the model gave for an example; ``shapes`` to
    its shape, None for a size that may vary; ``ends`` to the activation that it comes from, such as
    ``softmax`` or ``linear``, where that can be read from the model; ``called`` to what Keras
    calls it, if that is not the name of another output.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: Mapping[str, Array]
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)


def ports(model: Any, example: Sequence[Array]) -> Ports:
    """Find a model's ports by running it on some samples, in inference mode.

    Args:
        model: Built.
        example: Arrays in the order of its inputs, a row a sample.
    """
    import keras

    signature = declared(model)
    result = model(signature.pack(list(example)), training=False)
    found = outputs_of(model, result, {spec.name for spec in signature.specs})
    inner = getattr(model, "_functional", None) or model
    declared_outputs = [tensor for _, tensor in leaves(getattr(inner, "_outputs_struct", ()))]
    outputs: dict[str, Array] = {}
    shapes: dict[str, Shape] = {}
    ends: dict[str, str] = {}
    for place, name in enumerate(output.name for output in found):
        outputs[name] = np.asarray(keras.ops.convert_to_numpy(found[place].tensor))
        shapes[name] = (None, *outputs[name].shape[1:])
        if len(declared_outputs) == len(found):
            shapes[name] = (None, *declared_outputs[place].shape[1:])
            ends[name] = _activation(declared_outputs[place])
    called = {o.name: o.name if o.called in outputs else o.called for o in found}
    return Ports(inputs=signature.specs, outputs=outputs, shapes=shapes, ends=ends, called=called)


def _activation(tensor: Any) -> str:
    """Return the activation that a symbolic tensor comes from; empty if that is not plain to see.

    Looks through layers that only shape, and through models inside the model.
    """
    origin = tensor._keras_history
    layer = origin.operation
    inner = getattr(layer, "_functional", None) or layer
    if hasattr(inner, "_outputs_struct"):
        inside = [found for _, found in leaves(inner._outputs_struct)]
        return _activation(inside[origin.tensor_index])
    kind = type(layer).__name__
    if kind in _ONLY_SHAPES and layer._inbound_nodes:
        return _activation(layer._inbound_nodes[origin.node_index].input_tensors[0])
    if kind in ("Softmax", "Sigmoid"):
        return kind.lower()
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))
