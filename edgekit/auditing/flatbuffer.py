"""Reads hostile flatbuffers: every walk is paid for from a budget that the file's size sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgekit.errors import ArtifactError

_MOST = 5_000_000


@dataclass
class Budget:
    """Work that may still be spent; vectors that overlap cannot make a small file endless."""

    left: int

    @classmethod
    def of(cls, size: int) -> Budget:
        """Allow what an honest file of ``size`` bytes can need."""
        return cls(left=min(_MOST, 4096 + size))

    def spend(self, items: int) -> None:
        """Take items from the budget.

        Raises:
            ArtifactError: nothing is left; the file's vectors overlap or lie about their length.
        """
        self.left -= items
        if self.left < 0:
            raise ArtifactError("its tables overlap or claim more entries than its size can hold")

    def tables(self, length: int, item: Callable[[int], Any]) -> Iterator[Any]:
        """Yield the items of a vector of tables, after paying for them."""
        self.spend(length)
        return (item(index) for index in range(length))

    def numbers(self, length: int, item: Callable[[int], int]) -> tuple[int, ...]:
        """Return the items of a vector of numbers, after paying for them."""
        self.spend(length)
        return tuple(item(index) for index in range(length))

    def text(self, raw: bytes | None) -> str:
        """Return a name, after paying for it; undecodable bytes are replaced."""
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")
