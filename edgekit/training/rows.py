"""Training data that can be read in any order: arrays, tables, folders of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import psutil
from numpy.typing import NDArray

from edgekit.calibrate.arrays import ArraySource
from edgekit.calibrate.columns import Column, MemoryColumn, StoredColumn
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.samples import Batch, Samples
from edgekit.calibrate.tabular import TableSource
from edgekit.errors import DataError
from edgekit.training.pieces import Piece

WEIGHTS = ("sample_weight", "sample_weights")
CHUNK = 4096
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Samples in an order that only seed and epoch decide.

    Args:
        samples: Readable at any place, see ``at_hand``.
        outputs: Names of the model's outputs.
        size: Samples a batch; the last one may hold fewer.
        seed: Of the order; None keeps the samples' own.
    """

    samples: Samples
    outputs: tuple[str, ...]
    size: int
    seed: int | None

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
        labels = {name: rows for name, rows in batch.targets.items() if name in self.outputs}
        rest = [name for name in self.outputs if name not in labels]
        if batch.labels is not None and rest and not self._named:
            labels[rest[0]] = batch.labels
        weights = next((batch.targets[name] for name in WEIGHTS if name in batch.targets), None)
        return Piece(inputs=batch.inputs, labels=labels, weights=weights)

    @cached_property
    def _named(self) -> bool:
        """Whether what the source calls its labels is an array named as an output."""
        source = self.samples.source
        return isinstance(source, ArraySource) and any(
            column is source.labels and name in self.outputs
            for name, column in source.targets.items()
        )


def at_hand(samples: Samples) -> Samples:
    """Return the same samples so that any of them can be read at once.

    Arrays and tables are loaded if there is memory for them; larger arrays stay in their file, if
    it is not compressed; pictures are decoded each time.

    Raises:
        DataError: compressed data are larger than half of the memory that is free.
    """
    source = samples.source
    if isinstance(source, TableSource):
        return replace(samples, source=_loaded(source, samples))
    if isinstance(source, ArraySource):
        return replace(samples, source=_with_columns(source))
    return samples


def _loaded(source: TableSource, samples: Samples) -> ArraySource:
    batches = list(source.read(np.arange(len(source)), CHUNK))
    name = samples.names[0]
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return ArraySource(
        origin=source.origin,
        length=len(source),
        columns={name: MemoryColumn(np.concatenate([b.inputs[name] for b in batches]))},
        fits={name: replace(source.fitted, options=PictureOptions())},
        labels=MemoryColumn(np.concatenate(labels)) if labels else None,
        path=source.path,
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
