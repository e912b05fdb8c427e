"""What a training run needs to go on where it stopped, in one file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.files import write_atomically

Array = NDArray[Any]
FORMAT = 1
_META = "meta"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The state at the end of an epoch.

    Args:
        digest: Of everything that decides how training goes; another one does not go on here.
        epoch: How many epochs are done.
        history: A figure an epoch, by name.
        variables: Of the model, in order.
        optimizer: Variables of the optimizer, in order; empty once training is over.
        best: Variables of the model at its best epoch; empty if that is the last one or none.
        best_epoch: Counted from 1; 0 for none.
        hooks: State of each hook, in order.
        passes: How often the data have been read.
        over: Whether training is over.
    """

    digest: str
    epoch: int = 0
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    variables: Sequence[Array] = ()
    optimizer: Sequence[Array] = ()
    best: Sequence[Array] = ()
    best_epoch: int = 0
    hooks: Sequence[Mapping[str, Array]] = ()
    passes: Sequence[int] = ()
    over: bool = False

    def save(self, path: Path) -> None:
        """Write the file whole or not at all.

        Raises:
            DestinationError: it cannot be written.
        """
        meta = {
            "format": FORMAT, "digest": self.digest, "epoch": self.epoch,
            "history": {name: list(values) for name, values in self.history.items()},
            "best_epoch": self.best_epoch, "passes": list(self.passes), "over": self.over,
            "hooks": len(self.hooks),
        }  # fmt: skip
        arrays = {_META: np.frombuffer(json.dumps(meta).encode(), np.uint8)}
        for kind in ("variables", "optimizer", "best"):
            arrays |= {f"{kind}/{i}": array for i, array in enumerate(getattr(self, kind))}
        for i, state in enumerate(self.hooks):
            arrays |= {f"hook/{i}/{name}": np.asarray(array) for name, array in state.items()}
        buffer = io.BytesIO()
        plain: dict[str, Any] = {name: _plain(array) for name, array in arrays.items()}
        np.savez(buffer, **plain)
        write_atomically(path, buffer.getvalue())


def load(path: Path, digest: str) -> Checkpoint | None:
    """Read a checkpoint; None if there is none, if it is damaged, or of another training."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            meta = json.loads(stored[_META].tobytes())
            if meta["format"] != FORMAT or meta["digest"] != digest:
                return None
            return Checkpoint(
                digest=digest,
                epoch=meta["epoch"],
                history=meta["history"],
                best_epoch=meta["best_epoch"],
                passes=meta["passes"],
                over=meta["over"],
                **{k: _numbered(stored, k) for k in ("variables", "optimizer", "best")},
                hooks=tuple(_named(stored, f"hook/{i}/") for i in range(meta["hooks"])),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _plain(array: Array) -> Array:
    """Return an array of a dtype that numpy can store: bfloat16 and float8 as their bytes."""
    if array.dtype.kind != "V" and array.dtype.isbuiltin == 1:
        return array
    return np.frombuffer(array.tobytes(), np.uint8)


def _numbered(stored: Any, kind: str) -> tuple[Array, ...]:
    count = sum(name.startswith(f"{kind}/") for name in stored.files)
    return tuple(stored[f"{kind}/{i}"] for i in range(count))


def _named(stored: Any, start: str) -> dict[str, Array]:
    return {
        name.removeprefix(start): stored[name] for name in stored.files if name.startswith(start)
    }
