"""What the activations of a trace hold over calibration samples: ranges and mean maps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.calibrate.estimators import RangeAccumulator
from edgekit.calibrate.samples import Samples
from edgekit.trace import Trace
from edgekit.trace.observe import Observer

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Ranges and mean maps by tensor of the trace, over ``samples`` calibration samples.

    ``means[name]`` is the mean over samples, with the tensor's own shape and a batch of 1.
    """

    samples: int
    accumulators: Mapping[str, RangeAccumulator]
    means: Mapping[str, NDArray[np.float32]]

    def ranges(self, estimator: str, *, bits: int = 8) -> dict[str, tuple[float, float]]:
        """Return the range of every tensor under an estimator; each contains 0."""
        return {
            name: accumulator.range(estimator, bits=bits)
            for name, accumulator in self.accumulators.items()
        }


def collect(
    trace: Trace,
    samples: Samples,
    tensors: Collection[str],
    *,
    histogram: bool = True,
    means: Collection[str] = (),
    progress: Progress | None = None,
) -> Statistics:
    """Run the samples through a trace, in batches of the trace's batch size.

    Memory does not grow with the number of samples. The last batch is filled up by repeating
    its last sample, and the repeats are cut off before they count.
    """
    names = sorted(set(tensors) | set(means))
    size = int(trace.inputs[0].shape[0] or 1)
    observe = Observer(trace, names)
    accumulators = {name: RangeAccumulator(histogram=histogram) for name in tensors}
    sums: dict[str, NDArray[np.float64]] = {}
    seen = 0
    for batch in samples.batches(size):
        count = len(batch)
        values = observe(_filled(batch.inputs, size))
        for name in names:
            value = values[name]
            real = value[:count] if value.ndim and value.shape[0] == size else value
            if name in accumulators:
                accumulators[name].update(real)
            if name in means:
                total = np.sum(real, axis=0, keepdims=True, dtype=np.float64)
                sums[name] = sums[name] + total if name in sums else total
        seen += count
        if progress is not None:
            progress(count)
    return Statistics(
        samples=seen,
        accumulators=accumulators,
        means={name: (total / seen).astype(np.float32) for name, total in sums.items()},
    )


def _filled(inputs: Mapping[str, NDArray[Any]], size: int) -> dict[str, NDArray[Any]]:
    """Fill a short last batch up by repeating its last sample."""
    return {
        name: array
        if len(array) == size
        else np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])
        for name, array in inputs.items()
    }
