"""Opens training data, holds some back for validation, and looks at the first samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.artifact import TensorSpec
from edgekit.calibrate.functions import call, resolve
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.calibrate.profile import FUNCTION
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError
from edgekit.trace.shapes import declared
from edgekit.training.options import TrainingOptions
from edgekit.training.pieces import Piece, Pieces
from edgekit.training.ports import Ports, ports
from edgekit.training.rows import WEIGHTS, Rows, at_hand
from edgekit.training.streams import Stream, is_stream

LOOK_AT = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Training data, and those held back."""

    training: Pieces
    validation: Pieces | None = None

    @property
    def all(self) -> tuple[Pieces, ...]:
        """Both, as far as they are there."""
        return (self.training,) if self.validation is None else (self.training, self.validation)

    def ordered(self, size: int) -> Iterator[Piece]:
        """Yield the training data once, in a fixed order."""
        if isinstance(self.training, Rows):
            yield from replace(self.training, size=size, seed=None).epoch(0)
            return
        self.training.restart()
        yield from self.training.epoch(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """Data, some of them, and what the source model makes of those."""

    data: Data
    example: Piece
    ports: Ports


def open_data(
    data: object, model: Any, options: TrainingOptions, pictures: PictureOptions | None = None
) -> Opened:
    """Open training data for a model; ``pictures`` says how they are prepared.

    Raises:
        DataError: they are not there, cannot be read, or do not fit the model.
    """
    given, inputs = _given(data), declared(model).specs
    opened = (_streams if given.streams else _samples)(given, inputs, options, pictures)
    called = _ports(model, _first(opened.training)).called
    for pieces in opened.all:
        pieces.name_outputs(called)
    example = _first(opened.training)
    return Opened(data=opened, example=example, ports=_ports(model, example))


def _ports(model: Any, some: Piece) -> Ports:
    return ports(model, [some.inputs[spec.name] for spec in declared(model).specs])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Given:
    """What the user gave: arrays, a path and the like; or streams, or functions that give them."""

    origin: str
    data: Any = None
    streams: tuple[Any, ...] = ()


def _given(data: Any) -> _Given:
    origin = "the given data"
    if isinstance(data, str) and FUNCTION.fullmatch(data) and not Path(data).exists():
        data, origin = resolve(data), data
    if not callable(data):
        return _given_object(data, origin)
    found = _given_object(call(data, origin), origin)
    if len(found.streams) == 2:
        return replace(found, streams=(lambda: data()[0], lambda: data()[1]))
    return replace(found, streams=(data,)) if found.streams else found


def _given_object(data: Any, origin: str) -> _Given:
    pair = isinstance(data, tuple) and len(data) == 2
    if pair and all(is_stream(part) or callable(part) for part in data):
        return _Given(origin=origin, streams=data)
    if is_stream(data) and not isinstance(data, Path):
        return _Given(origin=origin, streams=(data,))
    return _Given(origin=origin, data=data)


def _streams(
    given: _Given, inputs: Sequence[TensorSpec], options: TrainingOptions,
    pictures: PictureOptions | None,
) -> Data:  # fmt: skip
    for stream in given.streams:
        if isinstance(stream, Iterator):
            raise DataError(
                f"{given.origin}: expected something to read more than once, got a "
                f"{type(stream).__name__} that is used up after one epoch; give the function that "
                "makes it"
            )
    training, *rest = (
        Stream(given.origin, give, inputs=inputs, size=options.batch_size, options=pictures)
        for give in given.streams
    )
    return Data(training=training, validation=rest[0] if rest else None)


def _samples(
    given: _Given, inputs: Sequence[TensorSpec], options: TrainingOptions,
    pictures: PictureOptions | None,
) -> Data:  # fmt: skip
    data = _with_weights(given.data, inputs)
    samples, held = at_hand(open_samples(data, inputs, seed=options.seed, options=pictures)), None
    if options.validation and len(samples) > 1:
        samples, held = samples.split(options.validation)
    rows = Rows(samples=samples, size=options.batch_size, seed=options.seed)
    behind = None if held is None else Rows(samples=held, size=options.batch_size)
    return Data(training=rows, validation=behind)


def _with_weights(data: Any, inputs: Sequence[TensorSpec]) -> Any:
    """Return ``(x, y, weights)`` as the dict of arrays that samples are opened from."""
    if not isinstance(data, tuple) or len(data) != 3:
        return data
    x, y, weights = data
    listed = isinstance(x, list | tuple) and len(x) == len(inputs) > 1
    if listed:
        x = {spec.name: part for spec, part in zip(inputs, x, strict=True)}
    named = dict(x) if isinstance(x, Mapping) else {"x": x}
    answers = dict(y) if isinstance(y, Mapping) else {"y": y}
    return named | answers | {WEIGHTS[0]: weights}


def _first(pieces: Pieces) -> Piece:
    """Return some samples: the first ones."""
    if isinstance(pieces, Rows):
        few = pieces.samples.take(np.arange(min(LOOK_AT, len(pieces.samples))))
        (first,) = replace(pieces, samples=few, size=LOOK_AT, seed=None).epoch(0)
        return first
    found = next(pieces.epoch(0), None)
    pieces.restart()
    if found is None:
        raise DataError(f"{pieces.origin}: expected samples, it yields none; yield at least one")
    return found
