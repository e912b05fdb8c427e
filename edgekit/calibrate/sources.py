"""Opens whatever the user calls data as samples for a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgekit import catalog
from edgekit.artifact import TensorSpec
from edgekit.calibrate import choice
from edgekit.calibrate.archives import open_npy, open_npz
from edgekit.calibrate.arrays import from_columns, in_memory
from edgekit.calibrate.functions import call, open_function, resolve
from edgekit.calibrate.pictures import open_pictures
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.profile import FUNCTION, find_profile
from edgekit.calibrate.samples import Samples, Source
from edgekit.calibrate.tabular import open_csv
from edgekit.errors import DataError, UnknownName

KINDS = "an .npz, .npy or .csv file, a folder of pictures, module:function, or a profile's name"


def open_samples(
    data: object,
    inputs: Sequence[TensorSpec],
    *,
    count: int | None = None,
    seed: int | None = None,
    options: PictureOptions | None = None,
) -> Samples:
    """Open data as samples that fit a model's inputs; reads no more of them than it must.

    The choice is the same for the same data, count and seed; without replacement; stratified
    where labels are classes. A profile's count, seed and preprocessing hold where none is given.

    Args:
        data: A path (``.npz``, ``.npy``, ``.csv``, a folder of pictures, ``.toml``), the name of a
            shipped profile (it goes before a folder of the same name), ``module:function``, or in
            Python: an array, a dict of arrays, ``(x, y)``, a callable or a dataset.
        inputs: The model's inputs, batch axis first.
        count: How many samples to choose; ``None`` takes all.
        seed: Of the choice and of later splits; 0 if ``None``.
        options: Preprocessing; scaling holds for every kind, the rest for pictures.

    Raises:
        DataError: the data are not there, cannot be read, or do not fit the model.
        OptionError: a profile or the options contradict themselves.
    """
    profile = find_profile(data)
    if profile is not None:
        data = profile.source
        count = profile.count if count is None else count
        seed = profile.seed if seed is None else seed
        options = profile.preprocessing if options is None else options
    if not inputs:
        raise DataError("expected a model with inputs, it has none; nothing can be calibrated")
    source = _open(data, inputs, count, options or PictureOptions())
    chosen = choice.choose(
        len(source),
        len(source) if count is None else max(1, count),
        classes=source.classes() if count is not None and count < len(source) else None,
        seed=seed or 0,
    )
    return Samples(source=source, inputs=tuple(inputs), indices=chosen, seed=seed or 0)


def check_there(data: object) -> None:
    """Refuse a path or a name that nothing is at, before anything is opened.

    Raises:
        DataError, UnknownName: nothing is there.
        OptionError: a profile contradicts itself.
    """
    profile = find_profile(data)
    place = profile.source if profile is not None else data
    if not isinstance(place, str | Path) or FUNCTION.fullmatch(str(place)):
        return
    if not Path(place).exists():
        raise _absent(Path(place))


def _open(
    data: object, inputs: Sequence[TensorSpec], count: int | None, options: PictureOptions
) -> Source:
    options.affine()
    if isinstance(data, str | Path):
        text = str(data)
        if FUNCTION.fullmatch(text) and not Path(text).exists():
            return _from_object(resolve(text), inputs, text, count=count, options=options)
        return _from_path(Path(data), inputs, options)
    return _from_object(data, inputs, "the given data", count=count, options=options)


def _from_path(path: Path, inputs: Sequence[TensorSpec], options: PictureOptions) -> Source:
    try:
        if path.is_dir():
            return open_pictures(path, inputs, options)
        if not path.exists():
            raise _absent(path)
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return open_csv(path, inputs, options)
        if suffix in (".npz", ".npy"):
            columns = open_npz(path) if suffix == ".npz" else open_npy(path)
            return from_columns(columns, inputs, origin=str(path), options=options, path=path)
    except OSError as error:
        raise DataError(f"{path}: expected {KINDS}; it cannot be read: {error.strerror}") from error
    raise DataError(f"{path}: expected {KINDS}; got a file that ends in {suffix or 'nothing'!r}")


def _absent(path: Path) -> DataError | UnknownName:
    if len(path.parts) == 1 and not path.suffix and ":" not in path.name:
        return UnknownName("data file, folder or profile", str(path), catalog.names("calibration"))
    return DataError(f"{path}: no such file or folder; expected {KINDS}")


def _from_object(
    data: Any,
    inputs: Sequence[TensorSpec],
    origin: str,
    *,
    count: int | None,
    options: PictureOptions,
) -> Source:
    by_code = callable(data)
    columns = in_memory(call(data, origin) if by_code else data, inputs)
    if columns is not None:
        return from_columns(columns, inputs, origin=origin, options=options, by_code=by_code)
    if isinstance(data, Iterator):
        raise DataError(
            f"{origin}: expected something to read more than once, got a "
            f"{type(data).__name__} that is used up after one pass; give the function that makes it"
        )
    if not by_code and not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        raise DataError(f"{origin}: expected {KINDS}, or arrays; got {type(data).__name__}")
    start: Callable[[], Any] = data if by_code else lambda: data
    return open_function(start, inputs, origin=origin, count=count, options=options)
