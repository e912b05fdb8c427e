"""Scores what a device computed, beside what this host computed from the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.accuracy import Metric, evaluate
from edgekit.devices.agreement import demand_alike, distance
from edgekit.devices.figures import DeviceAccuracy

Arrays = Mapping[str, NDArray[Any]]


def accuracy(
    outputs: Arrays, reference: Arrays, labels: Any, metric: Metric | None, *,
    output: str | None, data: str, available: int, host: str,
) -> DeviceAccuracy:  # fmt: skip
    """Score outputs, real values by name, a row a sample.

    Args:
        outputs: The device's.
        reference: This host's.
        labels: A row a sample, or those by output name; None without.
        metric: What to score with; None: only how many samples differ.
        output: The output that the metric is for; see ``edgekit.accuracy.evaluate``.
        data: Where the samples are from, in words.
        available: How many there are of them.
        host: What computed the reference, in words.

    Raises:
        DeviceError: the device's outputs are not of the reference's names or shapes.
        DataError: labels do not fit the metric, or the reference is not finite.
    """
    demand_alike(outputs, reference)
    found = evaluate(reference, outputs, labels, metric, output=output)
    apart = {name: distance(outputs[name], reference[name]) for name in reference}
    other = np.zeros(found.samples, bool)
    for rows in apart.values():
        other |= rows.reshape(found.samples, -1).any(axis=1)
    changed = None if found.agreement is None else round((1 - found.agreement) * found.samples)
    return DeviceAccuracy(
        data=data,
        samples=found.samples,
        available=available,
        host=host,
        metric=found.metric,
        higher_is_better=found.higher_is_better,
        output=found.output if len(reference) > 1 else None,
        device_score=found.artifact_score,
        host_score=found.source_score,
        drop_pp=found.drop_pp,
        drop_low_pp=found.drop_low_pp,
        drop_high_pp=found.drop_high_pp,
        drop_unit=found.drop_unit,
        p_value=found.p_value,
        method=found.method,
        other_outputs=int(other.sum()),
        other_answers=changed,
        largest_difference=max((float(a.max(initial=0.0)) for a in apart.values()), default=0.0),
        notes=found.notes,
    )
