"""Finds out what each output of a source model is to be trained for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.training.data import Opened
from edgekit.training.options import TrainingOptions
from edgekit.training.task import Goal, goal, meaning


def goals_of(source: Any, opened: Opened, options: TrainingOptions) -> Mapping[str, Goal]:
    """Return the goal of every output, in order; those without labels have no loss.

    Raises:
        TrainingError: labels do not fit the outputs, or there is no such loss or metric.
    """
    found: dict[str, Goal] = {}
    for name, outputs in opened.ports.outputs.items():
        labels = opened.example.labels.get(name)
        if labels is None:
            found[name] = Goal(loss=None, said="no labels", kind=meaning(outputs))
            continue
        found[name] = goal(labels, outputs, options.loss, options.metrics, "from the options")
    return found
