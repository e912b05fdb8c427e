"""Batches of training data: inputs and labels by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

Array = NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """Some samples: a row each.

    ``inputs`` by the names of the model's inputs; ``labels`` by the names of its outputs, as far as
    there are any; ``weights`` of the samples, shape ``(n,)``.
    """

    inputs: Mapping[str, Array]
    labels: Mapping[str, Array] = field(default_factory=dict)
    weights: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


class Pieces(Protocol):
    """Training data, epoch by epoch."""

    @property
    def origin(self) -> str:
        """What the user called the data; opens error texts."""

    @property
    def digest(self) -> str:
        """Changes with the data, as far as one can know."""

    @property
    def steps(self) -> int:
        """Batches an epoch."""

    def name_outputs(self, called: Mapping[str, str]) -> None:
        """Say which outputs the model has, in order, and what Keras calls them.

        Before, no batch has labels.
        """

    @property
    def reads(self) -> int:
        """How many epochs have been read since the last restart that had an effect."""

    def restart(self) -> None:
        """Let the next epoch be as the first, if that is possible."""

    def skip(self, number: int) -> None:
        """Come to where reading an epoch would have led."""

    def epoch(self, number: int) -> Iterator[Piece]:
        """Yield the batches of an epoch, counted from 0; they are asked for in order."""


def by_output(targets: Mapping[str, T], called: Mapping[str, str]) -> dict[str, T]:
    """Return labels by the name of their output; they may have Keras' name for it, too.

    Args:
        targets: By a name of the user's choice; those of no output are left out.
        called: What Keras calls each output, as ``Ports.called`` has it.
    """
    known = {n: n if n in targets else own for n, own in called.items()}
    return {name: targets[own] for name, own in known.items() if own in targets}
