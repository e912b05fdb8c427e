"""Hands the batches of one epoch to Keras' ``fit``, each once and in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.errors import DataError
from edgekit.training.ahead import Ahead, depth_for
from edgekit.training.labels import aligned
from edgekit.training.pieces import Piece
from edgekit.training.task import Goal

Array = NDArray[Any]
Fed = tuple[Any, ...]


class Shaper:
    """Brings pieces into the form that the student takes: ``(inputs, labels[, weights])``."""

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        shapes: Mapping[str, tuple[int | None, ...]],
        goals: Mapping[str, Goal],
        origin: str,
    ) -> None:
        self._inputs = tuple(inputs)
        self._shapes = shapes
        self._goals = {name: goal for name, goal in goals.items() if goal.loss is not None}
        self._origin = origin

    def __call__(self, piece: Piece) -> Fed:
        """Return a batch for Keras.

        Raises:
            DataError: labels that the other batches have are missing.
            TrainingError: labels do not fit their loss.
        """
        x = tuple(piece.inputs[spec.name] for spec in self._inputs)
        if not self._goals:
            return (x,)
        if missing := [name for name in self._goals if name not in piece.labels]:
            raise DataError(
                f"{self._origin}: expected labels for {missing[0]!r} in every batch, "
                "got one without; give all samples labels"
            )
        y = {
            name: aligned(piece.labels[name], self._shapes[name], goal, self._origin)
            for name, goal in self._goals.items()
        }
        if piece.weights is None:
            return (x, y)
        return (x, y, np.asarray(piece.weights, np.float32).reshape(len(piece)))

    def examples(self, piece: Piece) -> tuple[Fed, Fed]:
        """Return two batches of zeros that differ in every size that may vary between batches."""
        fed = self(piece)
        x = tuple(_zeros(a, spec.shape) for a, spec in zip(fed[0], self._inputs, strict=True))
        if len(fed) == 1:
            return (fed, (x,))
        y = {name: _zeros(array, (None,) * array.ndim) for name, array in fed[1].items()}
        return (fed, (x, y, *(_zeros(weights, (None,)) for weights in fed[2:])))


def _zeros(array: Array, shape: Sequence[int | None]) -> Array:
    """Return zeros of the array's shape, one longer in each size that ``shape`` leaves open."""
    sizes = (n + (want is None) for n, want in zip(array.shape, shape, strict=True))
    return np.zeros(tuple(sizes), array.dtype)


def feed(pieces: Iterator[Piece], steps: int, shaper: Shaper, example: Piece) -> Any:
    """Return a ``PyDataset`` of one epoch that reads its pieces once, in order, when it is begun.

    Keras looks at batches before an epoch and runs ahead after it; it sees examples then, so that
    the data are read exactly once. ``begin()`` starts the epoch; ``failure`` holds what the data
    raised, which some backends replace by an error of their own; ``close()`` ends the reading.

    On TensorFlow, where Keras reads in a thread, the user's code stays ahead of the training. On
    the other backends both draw from what is global, in turns: torch's dropout does.
    """
    import keras

    ahead = keras.backend.backend() == "tensorflow"
    read = Ahead(pieces, depth=depth_for(example) if ahead else 0)
    return _class()(read, steps, shaper, shaper.examples(example))


@cache
def _class() -> Any:
    import keras

    class Feed(keras.utils.PyDataset):  # type: ignore[misc]
        """One epoch."""

        def __init__(
            self, pieces: Ahead[Piece], steps: int, shaper: Shaper, examples: Sequence[Fed]
        ) -> None:
            super().__init__()
            self.failure: BaseException | None = None
            self._pieces, self._steps = pieces, steps
            self._shaper, self._examples = shaper, examples
            self._place = steps

        @property
        def num_batches(self) -> int:
            return self._steps

        def begin(self) -> None:
            """Let the next batch be the first of the data."""
            self._place = 0

        def close(self) -> None:
            """Read no more."""
            self._pieces.close()

        def __getitem__(self, place: int) -> Fed:
            if place != self._place or place >= self._steps:
                return self._examples[place % 2]
            self._place += 1
            try:
                piece = next(self._pieces, None)
                if piece is None:
                    raise DataError(
                        f"expected {self._steps} batches in every epoch, got {place}; give as many "
                        "in each, or let edgekit make the batches"
                    )
                return self._shaper(piece)
            except Exception as error:
                self.failure = error
                raise

    return Feed
