"""Samples from arrays: ``.npz``, ``.npy``, and objects in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.columns import Column, MemoryColumn
from edgekit.calibrate.fit import Fit, fit, refuse_not_numbers, show
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.samples import Batch, Indices
from edgekit.errors import DataError

LABELS = ("y", "labels")
MOST_SAMPLES = 50_000_000
MOST_ROW_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySource:
    """Columns of equal length: one for each input, labels, and others."""

    origin: str
    length: int
    columns: Mapping[str, Column]
    fits: Mapping[str, Fit]
    labels: Column | None = None
    targets: Mapping[str, Column] = field(default_factory=dict)
    path: Path | None = None
    by_code: bool = False

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return self.labels is not None

    @cached_property
    def _classes(self) -> Indices | None:
        if self.labels is None or len(self.labels.shape) > 2:
            return None
        return as_classes(self._collect(self.labels))

    def __len__(self) -> int:
        return self.length

    def classes(self) -> Indices | None:
        """Return the class of every sample; one-hot labels count, other floats do not."""
        return self._classes

    def read(self, wanted: Indices, size: int) -> Iterator[Batch]:
        """Yield the samples at ascending places."""
        inputs = {name: column.rows(wanted, size) for name, column in self.columns.items()}
        labels = self.labels.rows(wanted, size) if self.labels is not None else None
        targets = {name: column.rows(wanted, size) for name, column in self.targets.items()}
        for start in range(0, len(wanted), size):
            yield Batch(
                inputs={
                    name: self.fits[name].apply(next(rows), int(wanted[start]))
                    for name, rows in inputs.items()
                },
                labels=None if labels is None else next(labels),
                targets={name: next(rows) for name, rows in targets.items()},
            )

    def digest(self, wanted: Indices) -> str | None:
        """Return a digest of all columns and of how they are fitted; ``None`` if made by code."""
        if self.by_code:
            return None
        whole = hashlib.sha256()
        for name, fitted in self.fits.items():
            whole.update(f"{name} {fitted.row} {fitted.options}".encode())
        if self.path is not None:
            with self.path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
            return whole.hexdigest()
        every = [*self.columns.items(), *self.targets.items()]
        if self.labels is not None:
            every.append(("labels", self.labels))
        for name, column in every:
            whole.update(f"{name} {column.shape} {column.dtype.str}".encode())
            for rows in column.rows(wanted, 64):
                whole.update(np.ascontiguousarray(rows).tobytes())
        return whole.hexdigest()

    def _collect(self, column: Column) -> NDArray[Any]:
        return np.concatenate(list(column.rows(np.arange(self.length), 65_536)))


def as_classes(labels: NDArray[Any]) -> Indices | None:
    """Return integer, boolean or one-hot labels as classes, and ``None`` for any others."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.ndim == 1:
        if flat.dtype.kind in "biu":
            return flat.astype(np.int64)
        whole = flat.dtype.kind == "f" and np.isfinite(flat).all() and (flat == np.rint(flat)).all()
        return flat.astype(np.int64) if whole and len(np.unique(flat)) < 1_000 else None
    if flat.ndim == 2 and ((flat == 0) | (flat == 1)).all() and (flat.sum(axis=1) == 1).all():
        return np.asarray(flat.argmax(axis=1), np.int64)
    return None


def from_columns(
    stored: Mapping[str, Column],
    inputs: Sequence[TensorSpec],
    *,
    origin: str,
    options: PictureOptions,
    path: Path | None = None,
    by_code: bool = False,
) -> ArraySource:
    """Match stored arrays with a model's inputs and labels.

    Raises:
        DataError: a name is missing, a shape or dtype does not fit, lengths differ, or there are
            no samples.
    """
    names = _match(stored, inputs, origin)
    columns: dict[str, Column] = {}
    fits: dict[str, Fit] = {}
    lengths: dict[str, int] = {}
    batched_all = True
    for spec in inputs:
        column = stored[names[spec.name]]
        _refuse_huge(column, origin, spec.name)
        fitted, batched = fit(column.shape, column.dtype, spec, origin=origin, options=options)
        batched_all = batched_all and batched
        columns[spec.name] = column if batched else _one_row(column)
        fits[spec.name], lengths[spec.name] = fitted, columns[spec.name].shape[0]
    length = _common(lengths, origin)
    others = {name: stored[name] for name in stored if name not in names.values()}
    labels, targets = _labels(others, length, origin=origin, batched=batched_all)
    return ArraySource(
        origin=origin,
        length=length,
        columns=columns,
        fits=fits,
        labels=labels,
        targets=targets,
        path=path,
        by_code=by_code,
    )


def _match(
    stored: Mapping[str, Column], inputs: Sequence[TensorSpec], origin: str
) -> dict[str, str]:
    missing = [spec.name for spec in inputs if spec.name not in stored]
    if not missing:
        return {spec.name: spec.name for spec in inputs}
    if len(inputs) == 1:
        for alias in ("x", "arr_0"):  # arr_0: what numpy.savez calls an array without a name
            if alias in stored:
                return {inputs[0].name: alias}
    wanted = ", ".join(f"{spec.name} ({show(spec.shape[1:])})" for spec in inputs)
    alias = " (or x)" if len(inputs) == 1 else ""
    raise DataError(
        f"{origin}: expected arrays named as the model's inputs: {wanted}{alias}, "
        f"got: {', '.join(stored) or 'none'}; rename the arrays"
    )


def _refuse_huge(column: Column, origin: str, name: str) -> None:
    row = int(np.prod(column.shape[1:], dtype=object)) * column.dtype.itemsize
    if row > MOST_ROW_BYTES:
        raise DataError(
            f"{origin}: {name}: expected samples of at most {MOST_ROW_BYTES >> 20} MiB, "
            f"got {row >> 20} MiB each; give one sample a row"
        )


def _one_row(column: Column) -> Column:
    """Return an array that misses the batch axis as one row."""
    if isinstance(column, MemoryColumn):
        return MemoryColumn(column.array[None])
    count = column.shape[0]
    whole = next(column.rows(np.arange(count), count)) if count else np.empty(column.shape)
    return MemoryColumn(whole[None])


def _common(lengths: Mapping[str, int], origin: str) -> int:
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(
            f"{origin}: expected as many samples in every array, got: {listed}; "
            f"give each sample in all of them"
        )
    length = next(iter(lengths.values()))
    if length == 0:
        raise DataError(f"{origin}: expected samples, it is empty; give at least one")
    if length > MOST_SAMPLES:
        raise DataError(
            f"{origin}: expected at most {MOST_SAMPLES} samples, got {length}; give fewer"
        )
    return length


def _labels(
    others: Mapping[str, Column], length: int, *, origin: str, batched: bool
) -> tuple[Column | None, dict[str, Column]]:
    chosen = next((name for name in LABELS if name in others), None)
    targets = {
        name: column
        for name, column in others.items()
        if name != chosen
        and column.shape[:1] == (length,)
        and column.dtype.kind in "biuf"
        and batched
    }
    if chosen is None:
        return (next(iter(targets.values())) if len(targets) == 1 else None), targets
    column = others[chosen]
    refuse_not_numbers(column.dtype, f"{origin}: labels {chosen!r}")
    if not batched and column.shape[:1] != (1,):
        column = _one_row(column)
    _refuse_huge(column, origin, chosen)
    if column.shape[:1] != (length,):
        raise DataError(
            f"{origin}: expected as many labels as samples ({length}), {chosen!r} has "
            f"{column.shape[0] if column.shape else 'no axis'}; give one label a sample"
        )
    return column, targets


def in_memory(data: Any, inputs: Sequence[TensorSpec]) -> dict[str, Column] | None:
    """Return arrays that are in memory already as columns; ``None`` for any other object.

    An array is the single input; a tuple is ``(inputs, labels)``; a dict holds arrays by name.
    """
    labels: dict[str, Column] = {}
    if isinstance(data, tuple) and len(data) == 2:
        data, answers = data
        if isinstance(answers, Mapping):
            labels = {str(k): MemoryColumn(np.asarray(v)) for k, v in answers.items()}
        elif answers is not None:
            labels = {"y": MemoryColumn(np.asarray(answers))}
    if isinstance(data, Mapping):
        return {str(k): MemoryColumn(np.asarray(v)) for k, v in data.items()} | labels
    if (
        isinstance(data, list)
        and len(data) == len(inputs) > 1
        and all(hasattr(v, "shape") for v in data)
    ):
        return {
            s.name: MemoryColumn(np.asarray(v)) for s, v in zip(inputs, data, strict=True)
        } | labels
    if isinstance(data, np.ndarray) or hasattr(data, "__array__"):
        return {"x": MemoryColumn(np.asarray(data))} | labels
    return None
