"""Writes what a simulation computes, before and after it is trained, to the file named."""

import sys
import tempfile
from pathlib import Path

import keras  # noqa: TID253 - a process of its own
import numpy as np

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.passes import Context
from edgekit.passes.graph import flat
from edgekit.passes.qat import Qat
from edgekit.passes.simulate import training
from edgekit.passes.simulate.spread import spread
from edgekit.progress import Silent
from edgekit.training import Trainer, TrainingOptions

L = keras.layers
x = inputs = keras.Input((6, 6, 3), name="x")
x = before = L.Conv2D(8, 3, padding="same", activation="relu", name="stem")(x)
x = L.DepthwiseConv2D(3, padding="same", name="deep")(x)
x = L.ReLU(6.0, name="relu")(L.BatchNormalization(name="norm")(x))
x = L.Add(name="sum")([L.Conv2D(8, 1, activation="swish", name="point")(x), before])
x = L.GlobalAveragePooling2D(name="pool")(x)
source = keras.Model(inputs, L.Dense(4, activation="softmax", name="y")(x))

rng = np.random.default_rng(0)
for variable in source.trainable_variables:
    scale = 1 / np.sqrt(max(1, int(np.prod(variable.shape[:-1]))))
    variable.assign(rng.normal(1 if "gamma" in variable.path else 0, scale, variable.shape))
data = rng.normal(size=(64, 6, 6, 3)).astype("float32")
labels = rng.integers(0, 4, 64)
samples = open_samples(data, [TensorSpec(name="x", shape=(None, 6, 6, 3), dtype="float32")])
options = TrainingOptions(epochs=2, batch_size=16, learning_rate=1e-3, validation=0.25)
found = {}

with tempfile.TemporaryDirectory() as folder:
    trainer = Trainer(source, (data, labels), options, folder=Path(folder), progress=Silent())
    context = Context(teacher=source, samples=samples, trainer=trainer)
    first = training._simulated(spread(flat(source)), Qat(), context, {}, corrected=False)
    found["simulated"] = keras.ops.convert_to_numpy(first.model(data, training=False))
    found["first_ranges"] = np.array([first.ranges()[name] for name in sorted(first.ranges())])
    outcome = Qat().run(flat(source), context)
    found["trained"] = keras.ops.convert_to_numpy(outcome.model(data, training=False))
    ranges = outcome.simulation.ranges
    found["last_ranges"] = np.array([ranges[name] for name in sorted(ranges)])
np.savez(sys.argv[1], backend=keras.backend.backend(), **found)
