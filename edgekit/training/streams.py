"""Training data that the user's code yields in an order of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.calibrate.fit import fit, show
from edgekit.calibrate.functions import Item, call, take_apart
from edgekit.calibrate.preprocessing import PictureOptions
from edgekit.errors import DataError, one_line
from edgekit.training.pieces import Piece, by_output

Array = NDArray[Any]
MOST_STEPS = 10_000_000


def is_stream(value: Any) -> bool:
    """Whether a value gives batches or samples: a dataset, a generator, a loader; no array."""
    if isinstance(value, str | bytes | list | tuple | dict) or hasattr(value, "__array__"):
        return False
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


class Stream:
    """Batches that the user's code yields, read anew for every epoch.

    Samples that come one by one are put into batches; batches stay as they come.

    Args:
        origin: What the user called it; opens error texts.
        give: Gives a dataset, a ``PyDataset`` or a generator; called once for each run of a
            trainer, and for each epoch where it gives a generator. Or such a dataset itself.
        inputs: Of the model.
        size: Samples a batch, where they come one by one.
        options: How inputs are scaled.
    """

    def __init__(
        self,
        origin: str,
        give: Callable[[], Any] | Any,
        *,
        inputs: Sequence[TensorSpec],
        size: int,
        options: PictureOptions | None = None,
    ) -> None:
        self.origin, self.reads = origin, 0
        self._options = options or PictureOptions()
        self._give, self._inputs, self._size = give, tuple(inputs), size
        self._called: Mapping[str, str] = {}
        self._opened: Any = None

    def name_outputs(self, called: Mapping[str, str]) -> None:
        """Say under which names labels go, and what Keras calls those; before, there are none."""
        self._called = called

    @property
    def digest(self) -> str:
        """Of what can be known without reading: the name, and how many batches there are."""
        return f"{self.origin} {self.steps}"

    @cached_property
    def steps(self) -> int:
        """Batches an epoch; read once to count them where the data cannot tell.

        Raises:
            DataError: there are none, or they never end.
        """
        known = _length(self._open())
        first = next(iter(self._items()), None)
        self.restart()
        if known is None or first is None or not self._batched(first):
            known = sum(1 for _ in islice(self._pieces(), MOST_STEPS + 1))
            self.restart()
        if known == 0:
            raise DataError(f"{self.origin}: expected samples, it yields none; yield at least one")
        if not 0 < known <= MOST_STEPS:
            raise DataError(
                f"{self.origin}: expected a number of batches an epoch, got batches without end; "
                "leave out repeat(), or end the epoch with take(n)"
            )
        return known

    def restart(self) -> None:
        """Let the next epoch be as the first, where the data come from a function."""
        if callable(self._give):
            self._opened, self.reads = None, 0

    def epoch(self, number: int) -> Iterator[Piece]:
        """Yield the batches of the next epoch; which it is only the user's code knows."""
        self.reads += 1
        yield from islice(self._pieces(), self.steps)

    def skip(self, number: int) -> None:
        """Read an epoch that a run before this one was trained on, for what it leaves behind."""
        for _ in self.epoch(number):
            pass

    def _open(self) -> Any:
        if not callable(self._give):
            return self._give
        if self._opened is None or isinstance(self._opened, Iterator):
            self._opened = call(self._give, self.origin)
        return self._opened

    def _items(self) -> Iterator[Any]:
        try:
            yield from _passed(self._open())
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"{self.origin}: expected samples, got {type(error).__name__}: "
                f"{one_line(error, 160)}; mend the function"
            ) from error

    def _pieces(self) -> Iterator[Piece]:
        alone: list[Piece] = []
        for value in self._items():
            piece = self._piece(value)
            if self._batched(value):
                yield piece
                continue
            alone.append(piece)
            if len(alone) == self._size:
                yield _joined(alone, self.origin)
                alone = []
        if alone:
            yield _joined(alone, self.origin)

    def _batched(self, value: Any) -> bool:
        item, spec = take_apart(value, self._inputs, self.origin), self._inputs[0]
        array = np.asarray(item.inputs[spec.name])
        return fit(array.shape, array.dtype, spec, origin=self.origin, options=self._options)[1]

    def _piece(self, value: Any) -> Piece:
        item = take_apart(value, self._inputs, self.origin)
        rows: dict[str, Array] = {}
        batched = True
        for spec in self._inputs:
            array = np.asarray(item.inputs[spec.name])
            fitted, batched = fit(
                array.shape, array.dtype, spec, origin=self.origin, options=self._options
            )
            rows[spec.name] = fitted.apply(array if batched else array[None], 0)
        count = len(next(iter(rows.values())))

        def counted(given: Any) -> Array:
            return self._counted(given, count, batched=batched)

        return Piece(
            inputs=rows,
            labels={name: counted(given) for name, given in self._answers(item).items()},
            weights=None if item.weights is None else counted(item.weights),
        )

    def _answers(self, item: Item) -> dict[str, Any]:
        if item.targets:
            return by_output(item.targets, self._called)
        if item.labels is None:
            return {}
        names = tuple(self._called)
        listed = isinstance(item.labels, list | tuple) and len(names) > 1
        if listed and len(item.labels) == len(names):
            return dict(zip(names, item.labels, strict=True))
        return dict.fromkeys(names[:1], item.labels)

    def _counted(self, given: Any, count: int, *, batched: bool) -> Array:
        array = np.asarray(given)
        array = array if batched else array[None]
        if array.dtype.kind not in "biuf" or array.shape[:1] != (count,):
            raise DataError(
                f"{self.origin}: expected one number or array of numbers as the label of each "
                f"sample ({count}), got dtype {array.dtype} and shape {show(array.shape)}; mend "
                "the function"
            )
        return array


def _length(dataset: Any) -> int | None:
    """Return how many items an epoch of a dataset has; -1 without end, None if unknown."""
    if callable(getattr(dataset, "cardinality", None)):
        count = int(dataset.cardinality())
        return None if count == -2 else count  # as tf.data counts what it cannot know
    if hasattr(dataset, "num_batches") and hasattr(dataset, "__getitem__"):
        return -1 if dataset.num_batches is None else int(dataset.num_batches)
    return len(dataset) if hasattr(dataset, "__len__") else None


def _passed(dataset: Any) -> Iterable[Any]:
    """Yield the items of one pass over a dataset."""
    count = _length(dataset)
    if not hasattr(dataset, "__getitem__") or count is None:
        yield from dataset
        return
    _tell(dataset, "on_epoch_begin")
    for place in range(count) if count >= 0 else itertools.count():
        item = dataset[place]
        if place == count - 1:
            _tell(dataset, "on_epoch_end")  # before the last item: nobody asks for more
        yield item


def _tell(dataset: Any, event: str) -> None:
    if callable(getattr(dataset, event, None)):
        getattr(dataset, event)()


def _joined(alone: Sequence[Piece], origin: str) -> Piece:
    def joined(parts: Sequence[Array]) -> Array:
        try:
            return np.concatenate(parts)
        except ValueError as error:
            raise DataError(
                f"{origin}: expected samples of one shape in a batch, got several: "
                f"{one_line(error, 120)}; yield batches that are padded"
            ) from error

    first = alone[0]
    weights = [piece.weights for piece in alone if piece.weights is not None]
    return Piece(
        inputs={name: joined([p.inputs[name] for p in alone]) for name in first.inputs},
        labels={name: joined([p.labels[name] for p in alone]) for name in first.labels},
        weights=joined(weights) if len(weights) == len(alone) else None,
    )
