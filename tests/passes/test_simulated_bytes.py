"""Integer files compute what the simulation of their model computes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.cache import open_cache
from edgekit.calibrate.sources import open_samples
from edgekit.passes import Context, Simulation
from edgekit.passes.fold import FoldBatchnorm
from edgekit.passes.graph import Graph, flat
from edgekit.passes.simulate.model import simulate
from edgekit.passes.simulate.observe import observed
from edgekit.passes.simulate.plan import plan
from edgekit.passes.simulate.spread import norms_as_convolutions, spread
from edgekit.pipeline.make import Division, make
from edgekit.pipeline.options import Options
from edgekit.pipeline.simulated import against_simulation
from edgekit.pipeline.workshop import Workshop
from edgekit.progress import Silent
from edgekit.runtimes import describe
from edgekit.target import Target

# Shares of values within one step, and of equal first classes.
LEAST = {"tflite": (0.999, 0.995), "openvino": (0.98, 0.985), "onnx": (0.99, 0.985)}


def _residual() -> Any:
    import keras

    layers = keras.layers
    x = keras.Input((12, 12, 3), name="x")
    y = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    z = layers.DepthwiseConv2D(3, padding="same", activation="relu")(y)
    z = layers.Conv2D(8, 1)(z)
    y = layers.ReLU()(layers.Add()([y, z]))
    y = layers.AveragePooling2D(2)(layers.Concatenate()([y, layers.MaxPooling2D(1)(z)]))
    return keras.Model(x, layers.Dense(5)(layers.Flatten()(y)))


def _sequence() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((16, 4), name="x"),
            layers.SeparableConv1D(6, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv1D(5, 3, strides=2, activation="relu6"),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
        ]
    )


def _excited(activation: str) -> Any:
    """Blocks of mobile models: squeeze and excite, and an activation that no kernel fuses."""
    import keras

    layers = keras.layers
    x = keras.Input((12, 12, 3), name="x")
    y = layers.Conv2D(8, 3, use_bias=False)(x)
    y = layers.Activation(activation)(layers.BatchNormalization()(y))
    z = layers.DepthwiseConv2D(3, padding="same", activation=activation)(y)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(z)
    gate = layers.Conv2D(4, 1, activation=activation)(gate)
    z = layers.Multiply()([z, layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    y = layers.Activation(activation)(layers.Add()([y, layers.Conv2D(8, 1)(z)]))
    return keras.Model(x, layers.Dense(5)(layers.Flatten()(y)))


def _twins() -> Any:
    """Equal rectifiers behind one convolution, as in NASNet: converters make one of them."""
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    y = layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(x))
    one = layers.Conv2D(6, 1)(layers.Activation("relu")(y))
    other = layers.SeparableConv2D(6, 3, padding="same")(layers.Activation("relu")(y))
    return keras.Model(x, layers.Dense(5)(layers.Flatten()(layers.Add()([one, other]))))


def _gated() -> Any:
    """A gate of plain operations: Keras marks the product with a plain number as sparse."""
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    y = layers.Conv2D(8, 3, activation="relu")(x)
    gate = layers.Conv2D(8, 1)(layers.GlobalAveragePooling2D(keepdims=True)(y))
    gate = layers.ReLU(6.0)(gate + 3.0) * (1.0 / 6.0)
    return keras.Model(x, layers.Dense(5)(layers.Flatten()(layers.Multiply()([y, gate]))))


def _data(model: Any, count: int) -> np.ndarray:
    shape = tuple(model.inputs[0].shape[1:])
    return np.random.default_rng(3).normal(size=(count, *shape)).astype(np.float32)


def _simulated(model: Any, target: Target, samples: Any) -> tuple[Any, Simulation]:
    levels = 64 if target.quantization.reduce_range else 127
    plain = norms_as_convolutions(FoldBatchnorm().run(spread(flat(model)), Context()).model)
    decided = plan(Graph(plain), levels={}, default_levels=levels, kind=target.format)
    ranges = observed(plain, decided, samples, estimator="min-max")
    made = simulate(plain, decided, ranges, learning="fixed")
    made.bake()
    held = {name: weights.levels for name, weights in decided.weights.items()}
    return plain, Simulation(ranges=made.ranges(), levels=held)


@pytest.mark.parametrize(
    "build",
    [
        _residual,
        _sequence,
        _gated,
        _twins,
        *(partial(_excited, name) for name in ("silu", "hard_silu", "elu")),
    ],
)
@pytest.mark.parametrize("name", ["tflite-int8", "onnx-int8", "openvino-int8"])
def test_outputs_are_within_one_step_of_the_simulation(
    build: Any, name: str, tmp_path: Path
) -> None:
    import keras

    keras.utils.set_random_seed(1)
    target, model = Target.load(name), build()
    workshop_of_source = Workshop(model, Options(), None, Silent())  # type: ignore[arg-type]
    specs = workshop_of_source.signature.specs
    samples = open_samples({"x": _data(model, 120)}, specs, count=100, seed=0)
    plain, simulation = _simulated(model, target, samples)
    with open_cache(keep=False) as cache:
        workshop = Workshop(plain, Options(), cache, Silent())
        workshop.simulation = simulation
        made = make(workshop, target, tmp_path, division=Division.of(samples),
                    static=[target.format])  # fmt: skip
        artifact = describe(next(p for p in tmp_path.iterdir() if p.suffix != ".bin"))
        many = open_samples({"x": _data(model, 1000)}, specs, count=1000, seed=0)
        found = against_simulation(workshop, artifact, simulation, many)
    assert [c.name.split(" + ")[-1] for c in made.candidates] == ["simulated"]
    assert found.samples == 1000
    within, agreement = LEAST[target.format]
    assert found.within_one >= within
    assert found.agreement is None or found.agreement >= agreement
