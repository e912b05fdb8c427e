"""Opens training data, holds some back for validation, and looks at the first samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgekit.calibrate.sources import open_samples
from edgekit.trace.shapes import declared
from edgekit.training.options import TrainingOptions
from edgekit.training.pieces import Piece, Pieces
from edgekit.training.ports import Ports, ports
from edgekit.training.rows import Rows, at_hand

LOOK_AT = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Training data, and those held back."""

    training: Pieces
    validation: Pieces | None

    def ordered(self, size: int) -> Iterator[Piece]:
        """Yield the training data once, in a fixed order."""
        if isinstance(self.training, Rows):
            yield from replace(self.training, size=size, seed=None).epoch(0)
            return
        yield from self.training.epoch(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """Data, some of them, and what the source model makes of those."""

    data: Data
    example: Piece
    ports: Ports


def open_data(data: object, model: Any, options: TrainingOptions) -> Opened:
    """Open training data for a model.

    Raises:
        DataError: they are not there, cannot be read, or do not fit the model.
    """
    inputs = declared(model).specs
    samples = at_hand(open_samples(data, inputs, seed=options.seed))
    (first,) = samples.take(np.arange(min(LOOK_AT, len(samples)))).batches(LOOK_AT)
    found = ports(model, first.inputs)
    held = None
    if options.validation and len(samples) > 1:
        samples, held = samples.split(options.validation)
    names = tuple(found.outputs)
    rows = Rows(samples=samples, outputs=names, size=options.batch_size, seed=options.seed)
    behind = None if held is None else replace(rows, samples=held, seed=None)
    (example,) = replace(rows, samples=samples.take(np.arange(min(LOOK_AT, len(samples)))),
                         size=LOOK_AT, seed=None).epoch(0)  # fmt: skip
    return Opened(
        data=Data(training=rows, validation=behind),
        example=example,
        ports=ports(model, example.inputs),
    )
