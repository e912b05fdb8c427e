"""Samples from the user's own code: ``module:function``, a callable, or a dataset object."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import usercode
from edgekit.artifact import TensorSpec
from edgekit.calibrate.arrays import MOST_SAMPLES, as_classes
from edgekit.calibrate.fit import fit, show
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.samples import Batch, Indices
from edgekit.errors import DataError, one_line

# Of a function that may never end, this many samples for each wanted one are the pool to choose of.
POOL = 20


def resolve(spec: str) -> Any:
    """Import what ``module:name`` stands for; the working directory is on the path meanwhile.

    Raises:
        DataError: the module cannot be imported or has no such name.
    """
    module_name, _, name = spec.partition(":")
    try:
        found: Any = usercode.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise DataError(
            f"{spec}: expected an importable module:function, got "
            f"{type(error).__name__}: {one_line(error, 160)}; "
            "run from the folder that holds the module"
        ) from error
    return found


def call(start: Callable[[], Any], origin: str) -> Any:
    """Call the user's function without arguments.

    Raises:
        DataError: it raises.
    """
    try:
        return start()
    except Exception as error:
        raise _raised(origin, error) from error


def _raised(origin: str, error: Exception) -> DataError:
    return DataError(
        f"{origin}: expected samples, got {type(error).__name__}: {one_line(error, 160)}; "
        f"mend the function"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FunctionSource:
    """Samples that the user's code yields, run afresh for every pass.

    The first pass counted the samples and kept a checksum of each: a later pass that yields others
    is an error, since parts that must be disjoint would not be.
    """

    origin: str
    start: Callable[[], Iterable[Any]]
    inputs: tuple[TensorSpec, ...]
    options: PictureOptions
    checksums: NDArray[np.uint32]
    answers: Indices | None
    labelled: bool

    def __len__(self) -> int:
        return len(self.checksums)

    def classes(self) -> Indices | None:
        """Return the class of every sample, if labels are classes."""
        return self.answers

    def digest(self, wanted: Indices) -> str | None:
        """Return ``None``: only running the user's code could tell."""
        return None

    def read(self, wanted: Indices, size: int) -> Iterator[Batch]:
        """Yield the samples at ascending places."""
        if len(wanted) == 0:
            return
        marks, parts = iter(wanted.tolist()), []
        mark = next(marks)
        for place, sample in enumerate(_each(self.origin, self.start, self.inputs, self.options)):
            if place != mark:
                continue
            if _checksum(sample) != self.checksums[place]:
                raise self._changed(place)
            parts.append(sample)
            following = next(marks, None)
            if len(parts) == size or following is None:
                yield _join(parts)
                parts = []
            if following is None:
                return
            mark = following
        raise self._changed(mark)

    def _changed(self, place: int) -> DataError:
        return DataError(
            f"{self.origin}: expected the same samples at every call, sample {place} differs; "
            f"seed the function's random numbers"
        )


def open_function(
    start: Callable[[], Iterable[Any]],
    inputs: Sequence[TensorSpec],
    *,
    origin: str,
    count: int | None,
    options: PictureOptions,
) -> FunctionSource:
    """Run a function once to count and check what it yields; keeps labels and checksums only.

    With ``count``, reading stops at ``20 * count`` samples, so it may yield for ever.

    Raises:
        DataError: it raises, yields nothing, or something that is no sample of the model.
    """
    most = MOST_SAMPLES if count is None else POOL * count
    checksums: list[int] = []
    labels: list[NDArray[Any]] = []
    for sample in _each(origin, start, inputs, options):
        if len(checksums) == most:
            if count is None:
                raise DataError(f"{origin}: expected an end, it yields more than {most} samples")
            break
        checksums.append(_checksum(sample))
        if sample.labels is not None and sample.labels.size <= 1_000:
            labels.append(sample.labels)
    if not checksums:
        raise DataError(f"{origin}: expected samples, it yields none; yield at least one")
    labelled = len(labels) == len(checksums)
    return FunctionSource(
        origin=origin,
        start=start,
        inputs=tuple(inputs),
        options=options,
        checksums=np.array(checksums, np.uint32),
        answers=_classes(labels) if labelled else None,
        labelled=labelled,
    )


@dataclass(frozen=True, kw_only=True)
class Item:
    """What the user's code yielded, taken apart."""

    inputs: Mapping[str, Any]
    labels: Any = None
    targets: Mapping[str, Any] = field(default_factory=dict)
    weights: Any = None


def _each(
    origin: str,
    start: Callable[[], Iterable[Any]],
    inputs: Sequence[TensorSpec],
    options: PictureOptions,
) -> Iterator[Batch]:
    place = 0
    for value in _values(origin, start):
        for sample in _samples(take_apart(value, inputs, origin), inputs, origin, place, options):
            yield sample
            place += 1


def _values(origin: str, start: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Yield what the user's code yields; whatever it raises becomes a ``DataError``."""
    produced = call(start, origin)
    try:
        if hasattr(produced, "__getitem__") and hasattr(produced, "__len__"):
            # Also keras PyDataset, which has no __iter__ and no IndexError at its end.
            yield from (produced[i] for i in range(len(produced)))
        else:
            yield from produced
    except DataError:
        raise
    except Exception as error:
        raise _raised(origin, error) from error


def take_apart(value: Any, inputs: Sequence[TensorSpec], origin: str) -> Item:
    """Read a yielded value: x, (x, y), (x, y, weights); x may be a dict or a list of inputs.

    Raises:
        DataError: it does not hold one array for each input.
    """
    answer = weights = None
    if isinstance(value, tuple) and len(value) in (1, 2, 3):
        value, answer, weights = (*value, None, None)[:3]
    targets: dict[str, Any] = {}
    if isinstance(answer, Mapping):
        targets, answer = {str(name): np.asarray(rows) for name, rows in answer.items()}, None
    named = _by_name(value, inputs, origin)
    return Item(inputs=named, labels=answer, targets=targets, weights=weights)


def _by_name(value: Any, inputs: Sequence[TensorSpec], origin: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        missing = [spec.name for spec in inputs if spec.name not in value]
        if missing:
            raise DataError(
                f"{origin}: expected inputs {', '.join(spec.name for spec in inputs)}, got a dict "
                f"with {', '.join(map(str, value)) or 'nothing'}; name all inputs"
            )
        return value
    listed = isinstance(value, list | tuple) and len(value) == len(inputs)
    if listed and (len(inputs) > 1 or hasattr(value[0], "__array__")):
        return {spec.name: part for spec, part in zip(inputs, value, strict=True)}
    if len(inputs) == 1:
        return {inputs[0].name: value}
    raise DataError(
        f"{origin}: expected a dict with {', '.join(spec.name for spec in inputs)}, got "
        f"{type(value).__name__}; yield one array for each input"
    )


def _samples(
    item: Item,
    inputs: Sequence[TensorSpec],
    origin: str,
    place: int,
    options: PictureOptions,
) -> Iterator[Batch]:
    """Yield the one sample, or the batch of them, that an item holds."""
    rows: dict[str, NDArray[Any]] = {}
    batched: set[bool] = set()
    for spec in inputs:
        array = _array(item.inputs[spec.name], spec, origin, place)
        fitted, has_axis = fit(
            array.shape, array.dtype, spec, origin=f"{origin}: sample {place}", options=options
        )
        whole = array if has_axis else array[None]
        rows[spec.name] = fitted.apply(whole, place)
        batched.add(has_axis)
    lengths = {len(part) for part in rows.values()}
    if len(lengths) != 1 or len(batched) != 1:
        raise DataError(
            f"{origin}: sample {place}: expected as many samples for every input, got "
            f"{', '.join(f'{name} {show(part.shape)}' for name, part in rows.items())}"
        )
    count, is_batch = lengths.pop(), batched.pop()
    labels = _answers(item.labels, count, is_batch, origin)
    targets = {n: _answers(v, count, is_batch, origin) for n, v in item.targets.items()}
    for i in range(count):
        yield Batch(
            inputs={name: part[i : i + 1] for name, part in rows.items()},
            labels=None if labels is None else labels[i : i + 1],
            targets={n: v[i : i + 1] for n, v in targets.items() if v is not None},
        )


def _array(value: Any, spec: TensorSpec, origin: str, place: int) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{origin}: sample {place}: input {spec.name!r}: expected an array of shape "
            f"{show(spec.shape[1:])}, got {type(value).__name__}: {one_line(error, 160)}"
        ) from error


def _answers(value: Any, count: int, is_batch: bool, origin: str) -> NDArray[Any] | None:
    if value is None:
        return None
    array = np.asarray(value)
    whole = array if is_batch else array[None]
    if array.dtype.kind not in "biuf" or whole.shape[:1] != (count,):
        raise DataError(
            f"{origin}: expected one number or array of numbers as the label of each sample, got "
            f"dtype {array.dtype} and shape {show(array.shape)}; mend the function"
        )
    return whole


def _join(parts: Sequence[Batch]) -> Batch:
    first = parts[0]
    labels = [part.labels for part in parts if part.labels is not None]
    return Batch(
        inputs={n: np.concatenate([part.inputs[n] for part in parts]) for n in first.inputs},
        labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        targets={n: np.concatenate([part.targets[n] for part in parts]) for n in first.targets},
    )


def _checksum(sample: Batch) -> int:
    arrays = chain(sample.inputs.values(), [] if sample.labels is None else [sample.labels])
    total = 0
    for array in arrays:
        total = zlib.crc32(np.ascontiguousarray(array).data, total)
    return total


def _classes(labels: Sequence[NDArray[Any]]) -> Indices | None:
    if len({part.shape for part in labels}) != 1:
        return None
    whole = np.concatenate(labels)
    return as_classes(whole) if whole.ndim <= 2 else None
