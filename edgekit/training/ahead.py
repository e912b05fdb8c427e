"""Reads training data before they are asked for, so that training need not wait for the reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Self, TypeVar

from edgekit.training.pieces import Piece

T = TypeVar("T")

_MOST, _MOST_BYTES = 256, 64 << 20
_END: Any = object()


class Ahead(Generic[T]):
    """Yields items in order; a thread reads some of them ahead, from the first one asked for on.

    What reading an item raises is raised in its place.

    Args:
        items: What is read, one after another, by one thread only.
        depth: How many at most are read and not yet asked for; 0 reads each when it is asked for,
            where it is asked for.
    """

    def __init__(self, items: Iterator[T], *, depth: int) -> None:
        self._items, self._depth = items, depth
        self._waiting = deque[Future[T]]()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="training data")

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Return the next item, and have another one read."""
        if not self._depth:
            return next(self._items)
        missing = self._depth + 1 - len(self._waiting)
        self._waiting.extend(self._reader.submit(next, self._items, _END) for _ in range(missing))
        item = self._waiting.popleft().result()
        if item is _END:
            raise StopIteration
        return item

    def close(self) -> None:
        """Read no more; returns when the item that is being read is there."""
        self._reader.shutdown(cancel_futures=True)


def depth_for(example: Piece) -> int:
    """Return how many batches like this one to read ahead: as many as 64 MiB hold, at most 256."""
    given = (*example.inputs.values(), *example.labels.values())
    size = sum(array.nbytes for array in given)
    return max(1, min(_MOST, _MOST_BYTES // max(1, size)))
