"""Takes the first ranges of a simulation from calibration samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.calibrate.estimators import Ranges
from edgekit.calibrate.samples import Samples
from edgekit.passes.base import Range
from edgekit.passes.graph import Graph
from edgekit.passes.simulate.plan import Plan

_BATCH = 32


def observed(
    plain: Any, plan: Plan, samples: Samples, *, estimator: str, bits: int = 8
) -> dict[str, Range]:
    """Return the range of each group of a plan that has no fixed one, by group.

    A group's range covers those of all its tensors, each taken by the estimator.
    """
    import keras

    names = Graph(plain).tensor_names()
    tensors = {
        names[id(t)]: t
        for t in (*plain.inputs, *(t for node in Graph(plain).nodes for t in node.outputs))
        if plan.groups.get(names[id(t)]) not in (None, *plan.fixed)
    }
    probe = keras.Model(plain.inputs, list(tensors.values()))
    found = Ranges(tensors)
    for batch in samples.batches(_BATCH):
        values = probe([batch.inputs[t.name] for t in plain.inputs], training=False)
        arrays = (keras.ops.convert_to_numpy(value) for value in values)
        found.update({n: np.asarray(a, np.float32) for n, a in zip(tensors, arrays, strict=True)})
    return _united(plan, found.ranges(estimator, bits=bits))


def _united(plan: Plan, ranges: Mapping[str, Range]) -> dict[str, Range]:
    united: dict[str, Range] = {}
    for name, (low, high) in ranges.items():
        group = plan.groups[name]
        before = united.get(group, (0.0, 0.0))
        united[group] = min(before[0], low), max(before[1], high)
    return united
