"""Carries the ranges that a model was trained with over to the tensors of its trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy.steps import StepErrors, step_errors
from edgekit.artifact import Artifact
from edgekit.calibrate.samples import Samples
from edgekit.passes import Simulation
from edgekit.passes.graph import Graph
from edgekit.passes.simulate.check import simulating
from edgekit.passes.simulate.grid import activation_step
from edgekit.trace.match import match

if TYPE_CHECKING:
    from edgekit.pipeline.workshop import Workshop

_BATCH = 32
MOST_SAMPLES = 1000
MOST_WITHIN = 0.99
Arrays = Mapping[str, NDArray[Any]]
SIMULATED = "simulated"


def simulated_ranges(
    model: Any, simulation: Simulation, probe: Arrays, seen: Arrays
) -> dict[str, tuple[float, float]]:
    """Return ranges by tensor of the trace: those of the Keras tensors that hold the same values.

    Args:
        model: The flat functional model that was trained.
        simulation: Its ranges, by Keras tensor.
        probe: Few samples by input name.
        seen: What the tensors of the trace hold for it.
    """
    found = match(seen, _activations(model, simulation, probe))
    return {tensor: simulation.ranges[name] for tensor, name in found.items()}


def against_simulation(
    workshop: Workshop, artifact: Artifact, simulation: Simulation, samples: Samples
) -> StepErrors:
    """Compare an artifact with the simulation that its model was trained in, on real samples."""
    model = workshop.loaded.model
    graph = Graph(getattr(model, "_functional", None) or model)
    simulator = simulating(graph.model, simulation, artifact.format)
    names = graph.tensor_names()
    ends = zip(artifact.outputs, graph.model.outputs, strict=True)
    steps = {spec.name: spec.scale or _step(simulation, names[id(t)]) for spec, t in ends}
    runner, got, wanted = runtimes.open_runner(artifact), [], []
    for batch in samples.take(np.arange(min(len(samples), MOST_SAMPLES))).batches(_BATCH):
        got.append(runner.run(batch.inputs))
        values = simulator(_nested(graph.model, batch.inputs), training=False)
        wanted.append(dict(zip(steps, map(np.asarray, _flat(values)), strict=True)))
    return step_errors(_whole(wanted), _whole(got), steps)


def strays(found: StepErrors) -> tuple[str, ...]:
    """Say when a file strays from its simulation: TFLite files hardly do."""
    if found.within_one >= MOST_WITHIN:
        return ()
    return (
        f"simulation: {100 * (1 - found.within_one):.1f} % of the file's outputs are more than one "
        f"step (1 LSB) from what the model was trained to give, the farthest "
        f"{found.largest_lsb:.3g} steps: runtimes fuse and round in their own ways, and a last "
        "softmax or sigmoid magnifies a step of what it reads",
    )


def _step(simulation: Simulation, name: str) -> float:
    """Return the step of a tensor's grid; of one that stays in float, that it would have."""
    return activation_step(simulation.ranges.get(name, (0.0, 1.0)), simulation.activations)


def _nested(model: Any, inputs: Arrays) -> Any:
    import keras

    arrays = [inputs[tensor.name] for tensor in model.inputs]
    return keras.tree.pack_sequence_as(model._inputs_struct, arrays)


def _flat(values: Any) -> list[Any]:
    import keras

    return list(keras.tree.flatten(values))


def _whole(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _activations(model: Any, simulation: Simulation, probe: Arrays) -> Arrays:
    import keras

    graph = Graph(getattr(model, "_functional", None) or model)
    names = graph.tensor_names()
    every = [*graph.model.inputs, *(t for node in graph.nodes for t in node.outputs)]
    tensors = {names[id(t)]: t for t in every if names[id(t)] in simulation.ranges}
    whole = keras.Model(graph.model.inputs, list(tensors.values()))
    values = whole([probe[t.name] for t in graph.model.inputs], training=False)
    return {name: np.asarray(value) for name, value in zip(tensors, values, strict=True)}
