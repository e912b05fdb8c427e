"""Samples: what calibration and evaluation read, batch by batch, in constant memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate import choice
from edgekit.errors import DataError

Array = NDArray[Any]
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some samples; the leading axis of every array counts them.

    ``inputs`` are keyed by the names of the model's inputs. ``labels`` are what the source calls
    its labels; ``targets`` holds every further array that has one row a sample, by its name in the
    source: the labels of a model with several outputs.
    """

    inputs: Mapping[str, Array]
    labels: Array | None = None
    targets: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


class Source(Protocol):
    """Where samples come from; already fitted to a model's inputs."""

    @property
    def origin(self) -> str:
        """What the user called it; opens error texts."""

    @property
    def labelled(self) -> bool:
        """Whether batches hold labels."""

    def __len__(self) -> int: ...

    def classes(self) -> Indices | None:
        """Return the class of every sample, or ``None`` where labels are no classes."""

    def read(self, wanted: Indices, size: int) -> Iterator[Batch]:
        """Yield the samples at ascending indices, at most ``size`` at a time."""

    def digest(self, wanted: Indices) -> str | None:
        """Return a digest that changes with the samples at ``wanted``, or ``None``: not known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """A choice of samples: re-iterable, always in the same order, in constant memory.

    Samples come in the order of the source. ``indices`` are their places in it, ascending.
    """

    source: Source
    inputs: tuple[TensorSpec, ...]
    indices: Indices
    seed: int = 0

    @property
    def origin(self) -> str:
        """What the user called the data."""
        return self.source.origin

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's inputs, in order."""
        return tuple(spec.name for spec in self.inputs)

    @property
    def labelled(self) -> bool:
        """Whether every batch holds labels."""
        return self.source.labelled

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the source calls classes 0, 1, …; empty for sources that only number them."""
        return tuple(getattr(self.source, "class_names", ()))

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of data, choice and inputs; ``None`` if only the user's code could tell."""
        content = self.source.digest(self.indices)
        if content is None:
            return None
        specs = json.dumps([asdict(spec) for spec in self.inputs], sort_keys=True)
        whole = hashlib.sha256(content.encode())
        whole.update(specs.encode())
        whole.update(np.ascontiguousarray(self.indices, dtype="<i8").tobytes())
        return whole.hexdigest()

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, size: int, *, finite: bool = True) -> Iterator[Batch]:
        """Yield all samples in order, ``size`` at a time, the last batch possibly smaller.

        Inputs have the dtypes that the model's inputs take.

        Args:
            size: Samples a batch, at least 1.
            finite: Refuse NaN and infinity.

        Raises:
            DataError: a sample cannot be read or does not fit; or, with ``finite``, holds NaN or
                infinity: the text names the sample by its place in the source.
        """
        start = 0
        for batch in self.source.read(self.indices, max(1, size)):
            if finite:
                self._refuse_not_finite(batch, start)
            start += len(batch)
            yield batch

    def classes(self) -> Indices | None:
        """Return the class of every sample, or ``None`` where labels are no classes."""
        classes = self.source.classes()
        return None if classes is None else classes[self.indices]

    def split(self, held_back: float) -> tuple[Samples, Samples]:
        """Divide into samples to use and samples to hold back.

        Disjoint and together whole; the same at every call; stratified where samples have classes.
        Of two samples or more neither part is empty; of one, the second part is.

        Args:
            held_back: Share of the samples to hold back, in (0, 1).
        """
        kept, held = choice.divide(len(self), held_back, classes=self.classes(), seed=self.seed)
        return self.take(kept), self.take(held)

    def take(self, places: Indices) -> Samples:
        """Return only the samples at these places among the chosen ones."""
        return replace(self, indices=self.indices[places])

    def _refuse_not_finite(self, batch: Batch, start: int) -> None:
        for name, rows in batch.inputs.items():
            bad = first_not_finite(rows)
            if bad is not None:
                raise DataError(
                    f"{self.origin}: input {name!r}: expected finite numbers, sample "
                    f"{self.indices[start + bad]} holds NaN or infinity; mend or remove it"
                )


def first_not_finite(rows: Array) -> int | None:
    """Return the first row that holds NaN or infinity, or ``None``."""
    if rows.dtype.kind not in "fc" or rows.size == 0:
        return None
    good = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
    return None if good.all() else int(np.argmin(good))
