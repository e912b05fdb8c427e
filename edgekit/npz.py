"""Arrays by name in a file, whatever the names hold: an archive's members cannot take them all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays; ``load_arrays`` gives them back, in the same order."""
    columns: dict[str, Any] = {f"a{place}": array for place, array in enumerate(arrays.values())}
    np.savez(path, names=np.array(list(arrays), dtype=np.str_), **columns)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return what ``save_arrays`` wrote; nothing in the file is executed."""
    with np.load(path, allow_pickle=False) as stored:
        return {str(name): stored[f"a{place}"] for place, name in enumerate(stored["names"])}
