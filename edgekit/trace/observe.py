"""Every activation of a trace: which there are, and what they hold for given inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.trace.freeze import Trace

_FLOAT = 1  # DT_FLOAT in a GraphDef


def activations(trace: Trace) -> tuple[str, ...]:
    """Return the float tensors that depend on the inputs, in graph order, inputs first.

    Tensors inside the bodies of loops are not among them: they hold another value in each turn.
    """
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(trace.graph_def(), name="")
        reached = set(trace.input_tensors)
        found = []
        for operation in graph.get_operations():
            depends = any(tensor.name in reached for tensor in operation.inputs)
            for tensor in operation.outputs:
                if depends:
                    reached.add(tensor.name)
                if tensor.name in reached and tensor.dtype == tf.float32:
                    found.append(tensor.name)
    return tuple(found)


class Observer:
    """Runs a trace and gives chosen tensors; the graph is prepared once."""

    def __init__(self, trace: Trace, tensors: Sequence[str]) -> None:
        self._names = tuple(tensors)
        self._inputs = trace.inputs
        self._function = trace.function(self._names)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the tensors for one batch of exactly the trace's batch size."""
        import tensorflow as tf

        values = self._function(
            *(tf.constant(inputs[spec.name], dtype=spec.dtype) for spec in self._inputs)
        )
        return {name: np.asarray(value) for name, value in zip(self._names, values, strict=True)}


def by_sample(value: Any, size: int) -> Any:
    """View a tensor of a batch of ``size`` samples as (size, ...), one row a sample.

    A leading axis that folds samples together with something else, as the rows of a flattened
    product, is split. None where the leading axis cannot count samples.
    """
    shape = tuple(value.shape)
    if not shape or not shape[0] or shape[0] % size:
        return None
    return value if shape[0] == size else value.reshape((size, shape[0] // size, *shape[1:]))


def one_sample(
    trace: Trace, tensors: Sequence[str], inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return what tensors hold for one sample, as ``by_sample`` cuts it out of a trace's batch.

    Those that it cannot cut are left out. No more than one sample of each tensor is held.
    """
    import tensorflow as tf

    size = int(trace.inputs[0].shape[0] or 1)
    whole = trace.function(tensors)

    def first(*values: Any) -> list[Any]:
        return [_first(tensor, size) for tensor in whole(*values)]

    values = tf.function(first, autograph=False)(
        *(tf.repeat(tf.constant(inputs[s.name], s.dtype), size, axis=0) for s in trace.inputs)
    )
    found = zip(tensors, values, strict=True)
    return {name: np.asarray(value) for name, value in found if value.shape.rank}


def _first(tensor: Any, size: int) -> Any:
    """Cut out the first sample; a scalar stands for what cannot be cut."""
    import tensorflow as tf

    shape = tensor.shape
    if not shape.is_fully_defined() or not shape.rank or not shape[0] or shape[0] % size:
        return tf.zeros(())
    return tensor[: shape[0] // size][None] if shape[0] != size else tensor[:1]
