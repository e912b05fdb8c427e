"""QAT of TFMOT 0.8.1, after "Quantization aware training in Keras example"; in its own environment.

python -m benchmarks.peers.tfmot_qat MODEL.h5 OUT EPOCHS SEED   (writes model.tflite, epoch.json)
"""

# ruff: noqa: ANN001, ANN201, ANN204, TID253

import json
import os
import sys
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "assets" / "cifar10"
BATCH, ROOM = 32, 4


class Flipped(tf_keras.utils.Sequence):
    """The same pictures in the same order as ``benchmarks.cifar.Flipped``."""

    def __init__(self, seed):
        with np.load(FOLDER / "cifar10_train_20000.npz") as data:
            self.pictures, self.labels = data["x"].astype(np.float32), data["y"]
        self.seed, self.epoch = seed, 0
        self.on_epoch_end()

    def __len__(self):
        return len(self.labels) // BATCH

    def __getitem__(self, index):
        part = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[part], self.y[part]

    def on_epoch_end(self):
        """Draw the next epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.labels))
        self.x, self.y = moved(self.pictures[order], rng), self.labels[order]
        self.epoch += 1


def moved(pictures, rng):
    """Move by up to 4 pixels, and mirror half of them."""
    count, height, width, _ = pictures.shape
    padded = np.pad(pictures, ((0, 0), (ROOM, ROOM), (ROOM, ROOM), (0, 0)))
    rows, columns = rng.integers(0, 2 * ROOM + 1, (2, count))
    cut = [p[r : r + height, c : c + width] for p, r, c in zip(padded, rows, columns, strict=True)]
    result = np.stack(cut).astype(np.float32)
    mirrored = rng.random(count) < 0.5
    result[mirrored] = result[mirrored, :, ::-1]
    return result


def main(model_path: str, out: str, epochs: str, seed: str) -> None:
    """Train, and write an int8 file."""
    tf_keras.utils.set_random_seed(int(seed))
    model = tf_keras.models.load_model(model_path, compile=False)
    simulated = tfmot.quantization.keras.quantize_model(model)
    simulated.compile(
        tf_keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy", ["accuracy"]
    )
    data, began, before = Flipped(int(seed)), time.perf_counter(), time.process_time()
    simulated.fit(data, epochs=int(epochs), verbose=0, shuffle=False)
    # With the drawing of the next epoch, which Keras' callbacks do not see.
    seconds = (time.perf_counter() - began) / int(epochs)
    cpu_seconds = (time.process_time() - before) / int(epochs)
    converter = tf.lite.TFLiteConverter.from_keras_model(simulated)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    Path(out, "model.tflite").write_bytes(converter.convert())
    facts = {"mean_seconds": seconds, "mean_cpu_seconds": cpu_seconds}
    Path(out, "epoch.json").write_text(json.dumps(facts))


main(*sys.argv[1:])
