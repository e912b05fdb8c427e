"""Trains in a process of its own, which may kill itself: ``folder [epoch:step]``."""

import os
import signal
import sys
from pathlib import Path

import keras  # noqa: TID253 - a process of its own
import numpy as np

from edgekit.progress import Silent
from edgekit.training import Distillation, Trainer, TrainingOptions

folder = Path(sys.argv[1])
kill = tuple(map(int, sys.argv[2].split(":"))) if sys.argv[2] else None
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 6, 6, 1)).astype("float32")
Y = rng.integers(0, 3, 90)


def generator():
    for place in np.random.permutation(80):
        yield X[place] + np.random.normal(scale=0.1), Y[place]


class Dataset(keras.utils.PyDataset):
    """Keeps an order and random numbers of its own."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(80)
        self.rng = np.random.default_rng(1)

    def __len__(self):
        return 5

    def __getitem__(self, place):
        rows = self.order[place * 16 : place * 16 + 16]
        return X[rows] + self.rng.normal(size=(16, 6, 6, 1)), Y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


class Decay(keras.callbacks.Callback):
    """Has a state of its own."""

    def __init__(self):
        super().__init__()
        self.factor = np.ones(1)

    def on_train_batch_begin(self, batch, logs=None):
        if kill == (self.epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.factor = self.factor * 0.99
        bias = self.model.student.get_layer("conv").bias
        bias.assign(keras.ops.convert_to_numpy(bias) * self.factor)

    def state(self):
        return {"factor": self.factor}

    def restore(self, state):
        self.factor = state["factor"]


keras.utils.set_random_seed(1)
layers = keras.layers
model = keras.Sequential(
    [
        keras.Input((6, 6, 1), name="image"),
        layers.Conv2D(4, 3, name="conv"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax", name="scores"),
    ]
)
kind = folder.name.split("-")[0]
data = {"arrays": (X, Y), "generator": generator, "dataset": (Dataset(), Dataset())}[kind]
options = TrainingOptions(
    epochs=4, batch_size=16, learning_rate=1e-2, validation=0.2,
    schedule="cosine" if kind == "arrays" else "constant",
)  # fmt: skip
trainer = Trainer(model, data, options, folder=folder, progress=Silent())
student = keras.models.clone_model(model)
student.set_weights([w * 1.1 for w in model.get_weights()])
fitted = trainer.fit(
    student, label="run", hooks=[Decay()], distillation=Distillation(teacher=model, weight=0.5)
)
print("resumed", fitted.resumed)
values = [keras.ops.convert_to_numpy(v) for v in student.variables]
np.savez(folder / "result.npz", *values, **{k: np.array(v) for k, v in fitted.history.items()})
