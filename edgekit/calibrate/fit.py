"""Fits stored arrays to a model's inputs: shapes, dtypes, scaling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.preprocessing import PictureOptions, rescale
from edgekit.errors import DataError

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """How the rows of one stored array become one input of the model."""

    spec: TensorSpec
    origin: str
    row: Shape
    options: PictureOptions = field(default_factory=PictureOptions)

    def apply(self, rows: NDArray[Any], first: int) -> NDArray[Any]:
        """Return rows in the input's shape and dtype.

        Args:
            rows: Stored samples, the leading axis counts them.
            first: Place of the first of them, for error texts.

        Raises:
            DataError: scaling has other channels; an integer input would lose digits.
        """
        shaped = rows.reshape(len(rows), *self.row)
        try:
            scaled = rescale(shaped, self.options)
        except ValueError as error:
            raise DataError(
                f"{self.origin}: expected one scale or offset for each of the "
                f"{self.row[-1] if self.row else 1} channels, got another number; {error}"
            ) from error
        return cast(scaled, input_dtype(self.spec, self.origin), where=self._where, first=first)

    @property
    def _where(self) -> str:
        return f"{self.origin}: input {self.spec.name!r}"


def fit(
    shape: Shape, dtype: np.dtype[Any], spec: TensorSpec, *, origin: str, options: PictureOptions
) -> tuple[Fit, bool]:
    """Say how an array becomes an input, and whether it has a batch axis.

    An array that misses the batch axis is one sample. A trailing axis of 1 may be there or not.

    Args:
        shape: Of the whole array.
        dtype: Of the array.
        spec: The model's input, batch axis first; ``None`` takes any size.
        origin: Opens error texts.
        options: Scaling.

    Raises:
        DataError: the shape fits in no way, or the array holds no numbers.
    """
    refuse_not_numbers(dtype, f"{origin}: input {spec.name!r}")
    input_dtype(spec, origin)
    want = spec.shape[1:]
    for batched in (True, False):
        stored = shape[1:] if batched else shape
        if batched and not shape:
            continue
        row = row_shape(stored, want)
        if row is not None:
            return Fit(spec=spec, origin=origin, row=row, options=options), batched
    raise DataError(
        f"{origin}: input {spec.name!r}: expected samples of shape {show(want)}, "
        f"got {show(shape[1:])} (array {show(shape)}, first axis: samples); {_advice(shape, want)}"
    )


def row_shape(stored: Shape, want: tuple[int | None, ...]) -> Shape | None:
    """Return the shape that a stored sample takes in the model, or ``None`` if it does not fit."""
    if _matches(stored, want):
        return stored
    if len(want) > 1 and want[-1] == 1 and _matches(stored, want[:-1]):
        return (*stored, 1)
    if want == (1,) and stored == ():
        return (1,)
    if stored and stored[-1] == 1 and _matches(stored[:-1], want):
        return stored[:-1]
    return None


def _matches(stored: Shape, want: tuple[int | None, ...]) -> bool:
    return len(stored) == len(want) and all(
        w is None or s == w for s, w in zip(stored, want, strict=True)
    )


def _advice(shape: Shape, want: tuple[int | None, ...]) -> str:
    known = [n for n in want if n is not None]
    row = shape[1:]
    if len(known) == len(want) and int(np.prod(row)) == int(np.prod(known)):
        if len(row) == 3 and (row[1], row[2], row[0]) == tuple(want):
            return "channels come last: transpose with np.moveaxis(x, 1, -1)"
        return f"reshape it to {show((shape[0] if shape else 1, *known))}"
    return "prepare the samples as in training"


def show(shape: Iterable[int | None]) -> str:
    """Write a shape as people do: 28x28x1, ``?`` for any size, ``()`` for one number."""
    return "x".join("?" if n is None else str(n) for n in shape) or "()"


def refuse_not_numbers(dtype: np.dtype[Any], where: str) -> None:
    """Let only booleans, integers and real numbers pass.

    Raises:
        DataError: otherwise.
    """
    if dtype.hasobject:
        raise DataError(
            f"{where}: expected numbers, got Python objects (pickled), which are never loaded; "
            f"save a plain array of one dtype"
        )
    if dtype.kind not in "biuf":
        raise DataError(f"{where}: expected numbers, got dtype {dtype}; convert to float32 first")


def input_dtype(spec: TensorSpec, origin: str) -> np.dtype[Any]:
    """Return the numpy dtype that an input takes; bfloat16, which numpy lacks, as float32.

    Raises:
        DataError: the input takes no numbers.
    """
    if spec.dtype == "bfloat16":
        return np.dtype(np.float32)
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError as error:
        raise DataError(
            f"{origin}: input {spec.name!r} takes {spec.dtype}, expected an input of numbers; "
            f"split the text processing off the model"
        ) from error
    refuse_not_numbers(dtype, f"{origin}: input {spec.name!r}")
    return dtype


def cast(rows: NDArray[Any], dtype: np.dtype[Any], *, where: str, first: int) -> NDArray[Any]:
    """Return rows in a dtype, C-contiguous and in native byte order.

    Raises:
        DataError: the dtype is an integer one and a value is not a whole number in its range.
    """
    if dtype.kind in "iu" and rows.dtype != dtype and rows.size:
        info = np.iinfo(dtype)
        whole = rows if rows.dtype.kind != "f" else np.rint(rows)
        good = (rows == whole) & (rows >= info.min) & (rows <= info.max)
        if not good.all():
            bad = int(np.argmin(good.reshape(len(rows), -1).all(axis=1)))
            value = rows[bad][~good[bad]].ravel()[0]
            raise DataError(
                f"{where}: expected whole numbers that {dtype} can hold, sample {first + bad} "
                f"holds {value}; give the data as the model was trained on"
            )
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(rows, dtype=dtype)
