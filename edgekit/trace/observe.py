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
