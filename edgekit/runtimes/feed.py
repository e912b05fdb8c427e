"""Brings samples into the shape and numbers that a file takes, and its outputs back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.errors import ArtifactError, DataError
from edgekit.formats.exact_names import plain_name

Arrays = Mapping[str, NDArray[Any]]


def quantize(real: NDArray[Any], scale: float, zero_point: int, *, dtype: str) -> NDArray[Any]:
    """Map real values to the nearest stored integers, half to even, clipped to the dtype.

    q = clip(round(r / S) + Z), after Jacob et al. 2018, "Quantization and Training of Neural
    Networks for Efficient Integer-Arithmetic-Only Inference", equation 1 solved for q.
    NaN becomes the zero point.
    """
    limits = np.iinfo(dtype)
    steps = np.rint(np.asarray(real, np.float64) / scale) + zero_point
    steps = np.nan_to_num(steps, nan=zero_point, posinf=limits.max, neginf=limits.min)
    stored: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return stored


def dequantize(stored: NDArray[Any], scale: Any, zero_point: Any) -> NDArray[np.float32]:
    """Return the real values that integers stand for: r = S (q - Z), Jacob et al. 2018, eq. 1."""
    steps = stored.astype(np.float64) - zero_point
    real: NDArray[np.float32] = (np.asarray(scale, np.float64) * steps).astype(np.float32)
    return real


def to_real(stored: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    """Return the real values that an output's numbers stand for."""
    if spec.scale is None:
        return stored.astype(np.float32)
    return dequantize(stored, spec.scale, spec.zero_point or 0)


def to_stored(array: NDArray[Any], spec: TensorSpec, *, native: bool = False) -> NDArray[Any]:
    """Turn an array of real values into what an input stores; quantized ones stay if ``native``.

    Raises:
        DataError: the values cannot be held by the input's dtype.
    """
    array = np.asarray(array)
    wanted = np.dtype(spec.dtype)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise DataError(f"input {spec.name!r}: expected numbers, got dtype {array.dtype}")
    if spec.scale is not None and not native:
        return quantize(array, spec.scale, spec.zero_point or 0, dtype=spec.dtype)
    if array.dtype == wanted:
        return array
    if wanted.kind in "iu" and not _fits(array, wanted):
        raise DataError(
            f"input {spec.name!r}: expected whole numbers that fit {spec.dtype}, got {array.dtype}"
            f" values outside of that; check the data's dtype and scaling"
        )
    return array.astype(wanted)


def _fits(array: NDArray[Any], wanted: np.dtype[Any]) -> bool:
    if array.size == 0 or array.dtype.kind == "b":
        return True
    limits = np.iinfo(wanted)
    whole = array.dtype.kind in "iu" or bool(np.all(np.mod(array, 1) == 0))
    return whole and bool(array.min() >= limits.min) and bool(array.max() <= limits.max)


def batch_of(specs: Sequence[TensorSpec]) -> int | None:
    """Return the batch that inputs share; 1 where it may vary; None if they share none.

    Where they share none, every axis belongs to the sample.
    """
    if any(not spec.shape for spec in specs):
        return None
    leading = {spec.shape[0] for spec in specs}
    if len(leading) != 1:
        return 1 if leading == {None, 1} else None
    return leading.pop() or 1


def check(specs: Sequence[TensorSpec], inputs: Arrays) -> int:
    """Return the number of samples, once names, shapes and numbers of rows are found to fit.

    Raises:
        DataError: they do not; the text names the input, what it takes and what came.
    """
    names = [spec.name for spec in specs]
    if set(names) != set(inputs):
        raise DataError(f"expected inputs {names}, got {sorted(inputs)}; name the arrays so")
    rows = {name: (len(inputs[name]) if np.ndim(inputs[name]) else -1) for name in names}
    shared = batch_of(specs) is not None
    for spec in specs:
        want = spec.shape[1:] if shared else spec.shape
        came = np.shape(inputs[spec.name])[1:]
        fits = len(want) == len(came) and all(
            w in (None, c) for w, c in zip(want, came, strict=True)
        )
        if rows[spec.name] < 0 or not fits:
            shown = ", ".join("any" if size is None else str(size) for size in want)
            raise DataError(
                f"input {spec.name!r}: expected samples of shape ({shown}), one a row,"
                f" got an array of shape {np.shape(inputs[spec.name])}"
            )
    if len(set(rows.values())) > 1:
        raise DataError(f"expected as many samples for each input, got {rows}")
    count = next(iter(rows.values()), 0)
    if count == 0:
        raise DataError("expected at least one sample, got none")
    return count


def run_batches(
    specs: Sequence[TensorSpec],
    inputs: Arrays,
    call: Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[np.float32]]],
    *,
    native: bool = False,
) -> dict[str, NDArray[np.float32]]:
    """Feed all samples through ``call`` in the file's batches and join its outputs, a row a sample.

    A last batch that is short is filled up with its last sample, and those rows are dropped.

    Raises:
        DataError: see ``check``.
        ArtifactError: an output cannot be split into the batch's samples.
    """
    count = check(specs, inputs)
    batch = batch_of(specs)
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for start in range(0, count, batch or 1):
        rows = np.minimum(np.arange(start, start + (batch or 1)), count - 1)
        if batch is None:
            fed = {spec.name: np.asarray(inputs[spec.name])[start] for spec in specs}
        else:
            fed = {spec.name: np.asarray(inputs[spec.name])[rows] for spec in specs}
        stored = {spec.name: to_stored(fed[spec.name], spec, native=native) for spec in specs}
        for name, output in call(stored).items():
            split = _per_sample(output, batch or 1, name, whole=batch is None)
            parts.setdefault(name, []).append(split[: count - start])
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _per_sample(
    output: NDArray[np.float32], batch: int, name: str, *, whole: bool
) -> NDArray[np.float32]:
    if whole or output.ndim == 0:
        return output[None]
    if output.shape[0] == batch:
        return output.copy()
    if batch == 1:
        return output[None].copy()
    if output.shape[0] % batch:
        raise ArtifactError(
            f"output {name!r}: expected rows in multiples of the batch {batch},"
            f" got shape {output.shape}"
        )
    return output.reshape(batch, output.shape[0] // batch, *output.shape[1:]).copy()


def one_batch(specs: Sequence[TensorSpec], sample: Arrays, *, native: bool) -> dict[str, Any]:
    """Return one batch of what the inputs store, from one sample or a batch of them.

    Raises:
        DataError: see ``check``.
    """
    check(specs, sample)
    batch = batch_of(specs)
    ready = {}
    for spec in specs:
        array = np.asarray(sample[spec.name])
        picked = array[0] if batch is None else array[np.arange(batch) % len(array)]
        ready[spec.name] = to_stored(picked, spec, native=native)
    return ready


def unique(names: Iterable[str], *, exact: bool = False) -> list[str]:
    """Return plain names where that keeps them apart, else (or if ``exact``) them as they are."""
    raw = list(names)
    plain = [plain_name(name) for name in raw]
    return plain if not exact and len(set(plain)) == len(plain) else raw
