"""Trains a small CNN on scikit-learn's 1,797 handwritten digits and saves it with its data.

Writes ``digits.keras``, ``train.npz``, ``calibration.npz`` and ``test.npz`` into the folder that is
given: what a user of ``edgekit convert`` starts from. The digits are split once, by a fixed seed,
into training, calibration (from the training part, with labels) and test.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.quiet import quiet

SEED = 0
TEST_SAMPLES = 400
CALIBRATION_SAMPLES = 200
EPOCHS = 12

Array = NDArray[np.float32]


def digits() -> tuple[Array, NDArray[np.int64]]:
    """Return 8x8x1 pictures in [0, 1] and their labels, shuffled."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(labels))
    pictures = (pixels / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
    return pictures[order], labels[order].astype(np.int64)


def trained(pictures: Array, labels: NDArray[np.int64]) -> Any:
    """Return a convolutional network that was trained on the pictures."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1), name="picture"),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 1, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures, labels, batch_size=32, epochs=EPOCHS, verbose=0)
    return model


def main(folder: Path) -> None:
    """Train, and write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    x, y = digits()
    train_x, train_y = x[TEST_SAMPLES:], y[TEST_SAMPLES:]
    with quiet():
        model = trained(train_x, train_y)
        score = model.evaluate(x[:TEST_SAMPLES], y[:TEST_SAMPLES], verbose=0)[1]
        model.save(folder / "digits.keras")
    np.savez(folder / "train.npz", x=train_x, y=train_y)
    some = slice(CALIBRATION_SAMPLES)
    np.savez(folder / "calibration.npz", x=train_x[some], y=train_y[some])
    np.savez(folder / "test.npz", x=x[:TEST_SAMPLES], y=y[:TEST_SAMPLES])
    print(f"trained on {len(train_y)} digits: top-1 {score:.4f} on {TEST_SAMPLES} others")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo"))
