"""An opened file: one way to run it, whatever its runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import TensorSpec
from edgekit.errors import ArtifactError
from edgekit.runtimes import feed

Stored = dict[str, NDArray[Any]]
Inference = Callable[[], object]
T = TypeVar("T")


class Session(Protocol):
    """A file in its runtime: takes one batch of what its inputs store, by input name.

    All raise ``ArtifactError`` where the runtime fails.
    """

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def specs(self) -> Sequence[TensorSpec]:
        """What the file takes."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Name of the runtime's distribution to its version."""

    def call(self, stored: Stored) -> dict[str, NDArray[np.float32]]:
        """Run one batch, state anew; return the real values of every output by its name."""

    def place(self, stored: Stored) -> None:
        """Put one batch where ``repeat`` finds it."""

    def repeat(self, loop: Callable[[Inference], T]) -> T:
        """Call ``loop`` with what runs one inference on what is placed, as the runtime has it."""


class Runner:
    """An artifact loaded into its runtime on this host's CPU."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._prepared = False

    @property
    def versions(self) -> Mapping[str, str]:
        """Name of the runtime's distribution to its version."""
        return self._session.versions

    def run(
        self, inputs: Mapping[str, NDArray[Any]], *, native: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """Run n samples; returns the real values of every output, n rows each, by output name.

        Samples go through one by one, as on a device, unless the file's batch is fixed at more;
        state of recurrent operators starts anew with each.

        Args:
            inputs: By input name; n rows each, of the input's shape without its batch. Real
                values, whatever the dtype: quantized inputs are rounded half to even and clipped.
            native: Arrays for quantized inputs hold stored integers.

        Raises:
            DataError: names, shapes, dtypes or numbers of rows do not fit.
            ArtifactError: the runtime fails.
        """
        self._prepared = False
        return feed.run_batches(self._session.specs, inputs, self._session.call, native=native)

    def prepare(self, sample: Mapping[str, NDArray[Any]], *, native: bool = False) -> None:
        """Set the inputs that ``repeat`` and ``invoke`` use; ``run`` undoes it.

        They have as many rows as the file's batch, or one row.

        Raises:
            DataError: see ``run``.
            ArtifactError: the runtime fails.
        """
        self._session.place(feed.one_batch(self._session.specs, sample, native=native))
        self._prepared = True

    def repeat(self, loop: Callable[[Inference], T]) -> T:
        """Call ``loop`` with what runs one inference on what is set, and return what it returns.

        It is the runtime's own function: nothing of ours is in what is timed.

        Raises:
            ArtifactError: nothing was prepared, or the runtime fails.
        """
        if not self._prepared:
            raise ArtifactError(f"{self._session.path}: expected prepare() before repeat()")
        return self._session.repeat(loop)

    def invoke(self) -> None:
        """Run one inference on what is set.

        Raises:
            ArtifactError: see ``repeat``.
        """
        self.repeat(_once)


def _once(infer: Inference) -> None:
    infer()
