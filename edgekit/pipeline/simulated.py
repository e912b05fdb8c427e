"""Carries the ranges that a model was trained with over to the tensors of its trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.passes import Simulation
from edgekit.passes.graph import Graph
from edgekit.trace.match import match

Arrays = Mapping[str, NDArray[Any]]
SIMULATED = "simulated"


def simulated_ranges(
    model: Any, simulation: Simulation, probe: Arrays, seen: Arrays
) -> dict[str, tuple[float, float]]:
    """Return ranges by tensor of the trace: those of the Keras tensors that hold the same values.

    Args:
        model: The flat functional model that was trained.
        simulation: Its ranges, by Keras tensor.
        probe: One sample by input name, with a batch of 1.
        seen: What the tensors of the trace hold for it.
    """
    found = match(seen, _activations(model, simulation, probe))
    return {tensor: simulation.ranges[name] for tensor, name in found.items()}


def _activations(model: Any, simulation: Simulation, probe: Arrays) -> Arrays:
    import keras

    graph = Graph(getattr(model, "_functional", None) or model)
    names = graph.tensor_names()
    every = [*graph.model.inputs, *(t for node in graph.nodes for t in node.outputs)]
    tensors = {names[id(t)]: t for t in every if names[id(t)] in simulation.ranges}
    whole = keras.Model(graph.model.inputs, list(tensors.values()))
    values = whole([probe[t.name] for t in graph.model.inputs], training=False)
    return {name: np.asarray(value) for name, value in zip(tensors, values, strict=True)}
