"""What the activations of a trace hold over calibration samples: ranges and mean maps."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.calibrate.binned import binned
from edgekit.calibrate.estimators import Ranges
from edgekit.calibrate.samples import Batch, Samples
from edgekit.npz import load_arrays, save_arrays
from edgekit.trace import Trace
from edgekit.trace.observe import Observer, by_sample, filled

Progress = Callable[[int], None]
Table = Mapping[str, tuple[float, float]]
Seen = tuple[float, float, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Ranges and mean maps by tensor of the trace, over ``samples`` calibration samples.

    ``tables[estimator][tensor]`` is a range that contains 0. ``means[tensor]`` is the mean over
    samples, with the tensor's own shape and a batch of 1. ``histograms[tensor]`` is the least and
    the largest value, and counts over equal bins between; empty where no estimator needed them.
    """

    samples: int
    tables: Mapping[str, Table]
    means: Mapping[str, NDArray[np.float32]]
    histograms: Mapping[str, Seen] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the statistics into a folder."""
        plain = {
            "samples": self.samples,
            "tables": self.tables,
            "histograms": self.histograms,
        }
        (folder / "statistics.json").write_text(json.dumps(plain), encoding="utf-8")
        save_arrays(folder / "means.npz", self.means)

    @classmethod
    def restore(cls, folder: Path) -> Statistics:
        """Read what ``save`` wrote."""
        plain = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
        tables = {
            estimator: {name: (low, high) for name, (low, high) in table.items()}
            for estimator, table in plain["tables"].items()
        }
        histograms = {
            name: (low, high, tuple(counts))
            for name, (low, high, counts) in plain["histograms"].items()
        }
        means = load_arrays(folder / "means.npz")
        return cls(samples=plain["samples"], tables=tables, means=means, histograms=histograms)


def collect(
    trace: Trace,
    samples: Samples,
    tensors: Collection[str],
    *,
    estimators: Sequence[str] = ("min-max",),
    means: bool = False,
    progress: Progress | None = None,
) -> Statistics:
    """Run the samples through a trace, in batches of the trace's batch size.

    Memory does not grow with the number of samples. The last batch is filled up by repeating
    its last sample, and the repeats are cut off before they count. ``means`` asks for mean maps.
    """
    names = sorted(tensors)
    size = int(trace.inputs[0].shape[0] or 1)
    observe = Observer(trace, names)
    counted = bool({"percentile", "entropy", "mse"} & set(estimators))
    ranges = Ranges(names, histogram=counted)
    sums: dict[str, NDArray[np.float64]] = {}
    seen = 0
    for batch in samples.batches(size):
        count = len(batch)
        values = observe(filled(batch.inputs, size))
        real = {name: _cut(value, count, size) for name, value in values.items()}
        ranges.update(real)
        for name in names if means else ():
            value = real[name]
            total = np.asarray(value.mean(axis=0, keepdims=True, dtype=np.float64) * count)
            sums[name] = sums[name] + total if name in sums else total
        seen += count
        if progress is not None:
            progress(count)
    return Statistics(
        samples=seen,
        tables={estimator: ranges.ranges(estimator) for estimator in estimators},
        means={name: (total / seen).astype(np.float32) for name, total in sums.items()},
        histograms=_histograms(ranges) if counted else {},
    )


def _histograms(ranges: Ranges) -> dict[str, Seen]:
    found = {name: one.histogram() for name, one in ranges.accumulators.items() if one.samples}
    return {
        name: (one.lo, one.hi, tuple(int(count) for count in binned(one)))
        for name, one in found.items()
    }


def own_ranges(
    artifact: Artifact, samples: Samples, known: Collection[str]
) -> dict[str, tuple[float, float]]:
    """Return ranges, from min to max and holding 0, of a file's tensors that are not ``known``.

    For what the exporter made and no trace can show. Tensors that are not finite are left out.
    """
    try:
        return _own_ranges(artifact, samples.batches(8), known)
    except ValueError:  # shapes that depend on the sample: no batch can hold two
        return _own_ranges(artifact, samples.batches(1), known)


def _own_ranges(
    artifact: Artifact, batches: Iterable[Batch], known: Collection[str]
) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    wanted: list[str] | None = None
    for batch in batches:
        values = runtimes.tensors(artifact, batch.inputs, only=wanted)
        wanted = [name for name in values if name not in known] if wanted is None else wanted
        for name in wanted:
            low, high = found.get(name, (0.0, 0.0))
            value = values[name]
            if value.size:
                found[name] = min(low, float(value.min())), max(high, float(value.max()))
        if not wanted:
            break
    return {name: pair for name, pair in found.items() if np.isfinite(pair).all()}


def _cut(value: NDArray[np.float32], count: int, size: int) -> NDArray[np.float32]:
    rows = by_sample(value, size)
    return value[None] if rows is None else np.asarray(rows[:count])
