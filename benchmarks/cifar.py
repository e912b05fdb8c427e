"""Training pictures for ResNet-8: 20,000 of CIFAR-10, flipped and cropped at random, by seed."""

# ruff: noqa: TID253

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import ROOT

FOLDER = ROOT.parent / "shared" / "assets" / "cifar10"
BATCH, ROOM = 32, 4


class Flipped(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, flipped and cropped anew in each epoch; the same for the same seed."""

    def __init__(self, pictures: NDArray[Any], labels: NDArray[Any], seed: int) -> None:
        super().__init__()
        self._pictures, self._labels, self._seed, self._epoch = pictures, labels, seed, 0
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self._labels) // BATCH

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        part = slice(index * BATCH, (index + 1) * BATCH)
        return self._x[part], self._y[part]

    def on_epoch_end(self) -> None:
        """Draw the next epoch."""
        rng = np.random.default_rng((self._seed, self._epoch))
        order = rng.permutation(len(self._labels))
        self._x, self._y = moved(self._pictures[order], rng), self._labels[order]
        self._epoch += 1


def moved(pictures: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return pictures of shape (n, h, w, c), moved by up to 4 pixels; half of them mirrored."""
    count, height, width, _ = pictures.shape
    padded = np.pad(pictures, ((0, 0), (ROOM, ROOM), (ROOM, ROOM), (0, 0)))
    rows, columns = rng.integers(0, 2 * ROOM + 1, (2, count))
    cut = [p[r : r + height, c : c + width] for p, r, c in zip(padded, rows, columns, strict=True)]
    result = np.stack(cut).astype(np.float32)
    mirrored = rng.random(count) < 0.5
    result[mirrored] = result[mirrored, :, ::-1]
    return result


def training(seed: int = 0) -> Flipped:
    """Return the training data."""
    with np.load(FOLDER / "cifar10_train_20000.npz") as data:
        return Flipped(data["x"].astype(np.float32), data["y"], seed)
