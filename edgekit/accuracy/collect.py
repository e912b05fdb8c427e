"""Gathers predictions over batches, so that inputs are never held all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import DataError

Arrays = Mapping[str, NDArray[Any]]

MOST_BYTES = 4 * 1024**3


def collect(
    run: Callable[[Arrays], Arrays], batches: Iterable[Arrays], *, most_bytes: int = MOST_BYTES
) -> dict[str, NDArray[np.float32]]:
    """Run every batch and join the outputs as float32, rows in the order of the batches.

    Holds one batch of inputs and all outputs.

    Args:
        run: Inputs by name to outputs by name, a row a sample; such as a runner's ``run``.
        batches: Inputs by name.
        most_bytes: What all outputs together may take.

    Raises:
        DataError: there is no batch, or the outputs take more than ``most_bytes``.
    """
    parts: dict[str, list[NDArray[np.float32]]] = {}
    held = 0
    for batch in batches:
        for name, array in run(batch).items():
            rows = np.array(array, np.float32)
            parts.setdefault(name, []).append(rows)
            held += rows.nbytes
        if held > most_bytes:
            raise DataError(
                f"expected outputs of at most {most_bytes / 2**20:.0f} MiB in all, got more;"
                f" evaluate on fewer samples"
            )
    if not parts:
        raise DataError("expected at least one sample to evaluate on, got none")
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
