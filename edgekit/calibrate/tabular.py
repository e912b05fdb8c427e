"""Samples from a table: CSV with a header row, features in order, a label column."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.fit import Fit, input_dtype, show
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.samples import Batch, Indices
from edgekit.errors import DataError

LABEL_COLUMNS = ("label", "labels", "y")
LINE_CHARACTERS = 1 << 24


@dataclass(frozen=True, kw_only=True, eq=False)
class TableSource:
    """Rows of a CSV file, parsed in passing."""

    path: Path
    length: int
    features: tuple[int, ...]
    fitted: Fit
    answers: NDArray[np.float64] | Indices | None
    class_names: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def labelled(self) -> bool:
        """Whether there is a label column."""
        return self.answers is not None

    def __len__(self) -> int:
        return self.length

    def classes(self) -> Indices | None:
        """Return the class of every row, if its labels are whole numbers or names."""
        if self.answers is None or self.answers.dtype.kind != "i":
            return None
        return np.asarray(self.answers, np.int64)

    def read(self, wanted: Indices, size: int) -> Iterator[Batch]:
        """Yield the rows at ascending places; parses only those."""
        with _open(self.path) as file:
            rows, at = _rows(file, self.path), 0
            next(rows)
            for start in range(0, len(wanted), size):
                places = wanted[start : start + size]
                out = np.empty((len(places), len(self.features)), np.float64)
                for into, place in enumerate(places.tolist()):
                    row = next(islice(rows, place - at, None))
                    out[into] = self._numbers(row, place)
                    at = place + 1
                yield Batch(
                    inputs={self.fitted.spec.name: self.fitted.apply(out, int(places[0]))},
                    labels=None if self.answers is None else self.answers[places],
                )

    def digest(self, wanted: Indices) -> str | None:
        """Return the digest of the file and of how it is fitted."""
        with self.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{content} {self.fitted.row} {self.fitted.options}"

    def _numbers(self, row: list[str], place: int) -> list[float]:
        try:
            return [float(row[i]) for i in self.features]
        except ValueError as error:
            raise DataError(
                f"{self.path}: row {place + 2}: expected numbers in every feature column, "
                f"{str(error)[:80]}; only a column called label or y may hold names"
            ) from error


def open_csv(path: Path, inputs: Sequence[TensorSpec], options: PictureOptions) -> TableSource:
    """Open a CSV file for a model with one input; features fill the input in row-major order.

    Raises:
        DataError: the model has several inputs, there is no header row or no row, rows differ in
            length, or the number of features is not the input's size.
    """
    if len(inputs) != 1:
        raise DataError(
            f"{path}: a table feeds a model with one input, this one has "
            f"{', '.join(spec.name for spec in inputs)}; give an .npz with an array for each"
        )
    with _open(path) as file:
        rows = _rows(file, path)
        header = [name.strip() for name in next(rows, [])]
        if all(_is_number(name) for name in header):
            raise DataError(f"{path}: expected a header row with column names, got {header[:3]}")
        label = next((i for i, name in enumerate(header) if name.lower() in LABEL_COLUMNS), None)
        features = tuple(i for i in range(len(header)) if i != label)
        shape = _shape(inputs[0], len(features), path)
        length, texts = _scan(rows, len(header), label, path)
    if length == 0:
        raise DataError(f"{path}: expected samples, it has a header row only; give at least one")
    return TableSource(
        path=path,
        length=length,
        features=features,
        fitted=Fit(spec=inputs[0], origin=str(path), row=shape, options=options),
        answers=_answers(texts, path) if label is not None else None,
        class_names=() if all(map(_is_number, texts)) else tuple(sorted(set(texts))),
    )


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _rows(file: TextIO, path: Path) -> Iterator[list[str]]:
    lines = iter(lambda: file.readline(LINE_CHARACTERS), "")
    try:
        yield from (row for row in csv.reader(lines) if row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: expected a CSV table in UTF-8: {error}; export it again"
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shape(spec: TensorSpec, features: int, path: Path) -> tuple[int, ...]:
    input_dtype(spec, str(path))
    want = spec.shape[1:]
    unknown = [i for i, n in enumerate(want) if n is None]
    size = int(np.prod([n for n in want if n is not None]))
    if not unknown and size == features:
        return tuple(n for n in want if n is not None)
    if len(unknown) == 1 and size and features % size == 0:
        return tuple(features // size if n is None else n for n in want)
    raise DataError(
        f"{path}: expected {size} feature columns for input {spec.name!r} of shape {show(want)}, "
        f"got {features} (beside a column called label or y); give one column a number"
    )


def _scan(
    rows: Iterator[list[str]], width: int, label: int | None, path: Path
) -> tuple[int, list[str]]:
    length, texts = 0, []
    for length, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataError(
                f"{path}: row {length + 1}: expected {width} columns as in the header, "
                f"got {len(row)}; mend the row"
            )
        if label is not None:
            texts.append(row[label].strip())
    return length, texts


def _answers(texts: list[str], path: Path) -> NDArray[np.float64] | Indices:
    """Return labels as integers, else numbers, else as places in the sorted names of classes."""
    if "" in texts:
        raise DataError(f"{path}: row {texts.index('') + 2}: expected a label, it is empty")
    if all(_is_number(text) for text in texts):
        numbers = np.array([float(text) for text in texts])
        if not np.isfinite(numbers).all():
            bad = int(np.argmin(np.isfinite(numbers)))
            raise DataError(f"{path}: row {bad + 2}: expected a finite label, got {texts[bad]}")
        return numbers.astype(np.int64) if (numbers == np.rint(numbers)).all() else numbers
    return np.unique(texts, return_inverse=True)[1].astype(np.int64)
