"""What every runtime offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Runner(Protocol):
    """An artifact loaded into its runtime on this host's CPU."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Name of the runtime's distribution to its version."""

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

    def prepare(self, sample: Mapping[str, NDArray[Any]], *, native: bool = False) -> None:
        """Set the inputs that ``invoke`` uses; as many rows as the file's batch, or one row.

        ``run`` undoes it.

        Raises:
            DataError: see ``run``.
        """

    def invoke(self) -> None:
        """Run one inference on what is set. This is what is timed.

        Raises:
            ArtifactError: nothing was prepared, or the runtime fails.
        """
