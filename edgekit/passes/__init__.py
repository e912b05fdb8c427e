"""Passes: steps from a Keras model to a better Keras model, one family a module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgekit.passes.base import Context, Outcome, Pass, Simulation, Treatment
from edgekit.recipe import step
from edgekit.registry import Registry
from edgekit.table import build

__all__ = ["PASSES", "Context", "Outcome", "Pass", "Simulation", "Treatment", "passes_of"]

PASSES = Registry(
    kind="pass",
    group="edgekit.passes",
    shipped={
        "fold-batchnorm": "edgekit.passes.fold:FoldBatchnorm",
        "equalize": "edgekit.passes.equalize:Equalize",
        "correct-bias": "edgekit.passes.correct_bias:CorrectBias",
        "adaround": "edgekit.passes.adaround:Adaround",
        "magnitude-prune": "edgekit.passes.magnitude_prune:MagnitudePrune",
        "channel-prune": "edgekit.passes.channel_prune:ChannelPrune",
        "cluster": "edgekit.passes.cluster:Cluster",
        "distill": "edgekit.passes.distill:Distill",
        "qat": "edgekit.passes.qat:Qat",
    },
)


def passes_of(steps: Iterable[Mapping[str, Any]], *, where: str) -> tuple[Pass, ...]:
    """Build passes from the steps of a recipe.

    Raises:
        UnknownName: no pass has that name; the nearest is suggested.
        OptionError: an option is unknown, of a wrong type, or out of range.
    """
    made = []
    for number, table in enumerate(steps, 1):
        name, options = step(table)
        kind: type[Pass] = PASSES.load(name)
        made.append(build(options, kind, where=f"{where}: step {number} ({name})"))
    return tuple(made)
