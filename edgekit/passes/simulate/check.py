"""The simulation of a trained model as its artifact computes it, to hold the artifact against."""

from __future__ import annotations

from typing import Any

from edgekit.passes.base import Simulation
from edgekit.passes.graph import Graph
from edgekit.passes.simulate.model import simulate
from edgekit.passes.simulate.plan import plan
from edgekit.target import Format


def simulating(model: Any, simulation: Simulation, kind: Format) -> Any:
    """Return a Keras model that gives what an artifact of a format should give.

    Products and averages are those of integers, so that nothing but a runtime's own rounding is
    left to differ.

    Args:
        model: The flat model that was trained, its weights baked.
        simulation: Of it.
        kind: The format.
    """
    decided = plan(
        Graph(model),
        levels=simulation.levels,
        default_levels=127,
        skip=simulation.skip,
        wide=simulation.activations == "int16",
        kind=kind,
    )
    ranges = {decided.groups[n]: r for n, r in simulation.ranges.items() if n in decided.groups}
    made = simulate(
        model, decided, ranges, learning="fixed", activations=simulation.activations, exact=True
    )
    return made.model
