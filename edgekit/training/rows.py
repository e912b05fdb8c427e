"""Training data that can be read in any order: arrays, tables, folders of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import psutil
from numpy.typing import NDArray

from edgekit.calibrate.arrays import ArraySource
from edgekit.calibrate.columns import Column, MemoryColumn, StoredColumn
from edgekit.calibrate.fit import Fit
from edgekit.calibrate.functions import FunctionSource
from edgekit.calibrate.samples import Batch, Samples
from edgekit.calibrate.tabular import TableSource
from edgekit.errors import DataError
from edgekit.training.pieces import Piece, by_output

WEIGHTS = ("sample_weight", "sample_weights")
CHUNK = 4096
Array = NDArray[Any]


@dataclass(kw_only=True, eq=False)
class Rows:
    """Samples in an order that only seed and epoch decide.

    Args:
        samples: Readable at any place, see ``at_hand``.
        size: Samples a batch; the last one may hold fewer.
        seed: Of the order; None keeps the samples' own.
        called: What Keras calls each of the model's outputs, by name.
    """

    samples: Samples
    size: int
    seed: int | None = None
    called: Mapping[str, str] = field(default_factory=dict)

    reads: ClassVar[int] = 0

    @property
    def origin(self) -> str:
        """What the user called the data."""
        return self.samples.origin

    @cached_property
    def digest(self) -> str:
        """Of contents and choice."""
        return self.samples.digest or f"{self.origin} {len(self.samples)}"

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self.samples) // self.size)

    def name_outputs(self, called: Mapping[str, str]) -> None:
        """Say which outputs the model has, in order; before, no batch has labels."""
        self.called = called

    def restart(self) -> None:
        """Do nothing: every epoch can be read at any time."""

    def skip(self, number: int) -> None:
        """Do nothing."""

    def epoch(self, number: int) -> Iterator[Piece]:
        """Yield the batches of an epoch, in its order."""
        order = np.arange(len(self.samples))
        if self.seed is not None:
            order = np.random.default_rng([self.seed, number]).permutation(order)
        for start in range(0, len(order), self.size):
            # Sources are read in ascending order; within a batch the order means nothing.
            places = np.sort(order[start : start + self.size])
            (batch,) = self.samples.take(places).batches(len(places))
            yield self._piece(batch)

    def _piece(self, batch: Batch) -> Piece:
        """Bring labels under the names of outputs; those without a name go to the first left."""
        labels = by_output(batch.targets, self.called)
        rest = [name for name in self.called if name not in labels]
        if batch.labels is not None and rest and not self._named:
            labels[rest[0]] = batch.labels
        weights = next((batch.targets[name] for name in WEIGHTS if name in batch.targets), None)
        return Piece(inputs=batch.inputs, labels=labels, weights=weights)

    @cached_property
    def _named(self) -> bool:
        """Whether what the source calls its labels is an array named as an output."""
        source = self.samples.source
        return isinstance(source, ArraySource) and any(
            column is source.labels for column in by_output(source.targets, self.called).values()
        )


def at_hand(samples: Samples) -> Samples:
    """Return the same samples so that any of them can be read at once.

    Arrays, tables and what functions yield are loaded if there is memory for them; larger arrays
    stay in their file, if it is not compressed; pictures are decoded each time.

    Raises:
        DataError: compressed data are larger than half of the memory that is free.
    """
    source = samples.source
    if isinstance(source, ArraySource):
        return replace(samples, source=_with_columns(source))
    if isinstance(source, TableSource | FunctionSource):
        return replace(samples, source=_loaded(samples))
    return samples


def _loaded(samples: Samples) -> ArraySource:
    batches = list(samples.source.read(np.arange(len(samples.source)), CHUNK))

    def joined(parts: Sequence[Array]) -> MemoryColumn:
        if len({part.shape[1:] for part in parts}) > 1:
            raise DataError(
                f"{samples.origin}: expected samples of one shape, got several; pad them, or give "
                "batches by a function that yields"
            )
        return MemoryColumn(np.concatenate(parts))

    labels = [batch.labels for batch in batches if batch.labels is not None]
    columns = {n: joined([b.inputs[n] for b in batches]) for n in samples.names}
    return ArraySource(
        origin=samples.origin,
        length=len(samples.source),
        columns=columns,
        fits={
            spec.name: Fit(spec=spec, origin=samples.origin, row=columns[spec.name].shape[1:])
            for spec in samples.inputs
        },
        labels=joined(labels) if len(labels) == len(batches) else None,
        targets={n: joined([b.targets[n] for b in batches]) for n in batches[0].targets},
    )


def _with_columns(source: ArraySource) -> ArraySource:
    every: Mapping[str, Column] = {**source.targets, **source.columns}
    size = sum(_bytes(column) for column in (*every.values(), source.labels) if column is not None)
    room = psutil.virtual_memory().available // 2

    known: dict[int, Column] = {}

    def near(column: Column) -> Column:
        if id(column) not in known:
            known[id(column)] = loaded(column)
        return known[id(column)]

    def loaded(column: Column) -> Column:
        if not isinstance(column, StoredColumn):
            return column
        if size <= room:
            parts = list(column.rows(np.arange(column.shape[0]), CHUNK))
            return MemoryColumn(np.concatenate(parts))
        if column.member:
            raise DataError(
                f"{source.origin}: expected training data that fit into half of the free memory "
                f"({room >> 20} MiB), got {size >> 20} MiB, compressed; save with numpy.savez, "
                "which does not compress"
            )
        return column

    return replace(
        source,
        columns={name: near(column) for name, column in source.columns.items()},
        targets={name: near(column) for name, column in source.targets.items()},
        labels=None if source.labels is None else near(source.labels),
    )


def _bytes(column: Column) -> int:
    return int(np.prod(column.shape, dtype=object)) * column.dtype.itemsize
