"""Finds out what each output of a source model is to be trained for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgekit.source.compiled import compiled
from edgekit.training.chosen import Chosen, from_compiled
from edgekit.training.data import Opened
from edgekit.training.options import TrainingOptions
from edgekit.training.task import Goal, goal, meaning


def goals_of(source: Any, opened: Opened, options: TrainingOptions) -> Mapping[str, Goal]:
    """Return the goal of every output, in order; those without labels have no loss.

    Options go before what the source model was compiled with, and that before a guess.

    Raises:
        TrainingError: labels do not fit the outputs, or there is no such loss or metric.
    """
    own = from_compiled(compiled(source), opened.ports.called)
    found: dict[str, Goal] = {}
    for name, outputs in opened.ports.outputs.items():
        labels = opened.example.labels.get(name)
        end = opened.ports.ends.get(name, "")
        chosen = _with_options(own[name], options)
        if labels is None:
            said = getattr(chosen.loss, "name", None) or str(chosen.loss or "")
            found[name] = Goal(loss=None, said="no labels", kind=meaning(outputs, said, end))
        else:
            found[name] = goal(labels, outputs, chosen, end=end)
    return found


def _with_options(chosen: Chosen, options: TrainingOptions) -> Chosen:
    if options.loss is not None:
        chosen = replace(chosen, loss=options.loss, origin="from the options")
    return replace(chosen, metrics=options.metrics or chosen.metrics)
