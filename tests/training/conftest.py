"""Small models, small data, and trainers for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return 96 pictures of 6x6 in three classes that can be told apart."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 96)
    x = rng.normal(size=(96, 6, 6, 1)) + y[:, None, None, None]
    return x.astype(np.float32), y


@pytest.fixture
def classifier(pictures: tuple[np.ndarray, np.ndarray]) -> Callable[..., Any]:
    """Make a classifier of those with batch norm and dropout; the same weights at every call."""

    def make(activation: str | None = "softmax", classes: int = 3) -> Any:
        import keras

        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((6, 6, 1), name="image"),
                layers.Conv2D(4, 3, name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(name="relu"),
                layers.Flatten(name="flat"),
                layers.Dropout(0.2, name="drop"),
                layers.Dense(classes, activation=activation, name="scores"),
            ],
            name="tiny",
        )
        rng = np.random.default_rng(7)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(size=variable.shape, scale=0.3))
        seen = keras.ops.convert_to_numpy(model.get_layer("conv")(pictures[0]))
        model.get_layer("norm").moving_mean.assign(seen.mean(axis=(0, 1, 2)))
        model.get_layer("norm").moving_variance.assign(seen.var(axis=(0, 1, 2)))
        return model

    return make


@pytest.fixture
def forked() -> Callable[[], Any]:
    """Make a model of two inputs and two outputs."""

    def make() -> Any:
        import keras

        layers = keras.layers
        a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
        both = layers.Dense(6, activation="relu", name="mixed")(layers.Concatenate()([a, b]))
        kind = layers.Dense(3, activation="softmax", name="kind")(both)
        size = layers.Dense(1, name="size")(both)
        model = keras.Model([a, b], [kind, size], name="forked")
        rng = np.random.default_rng(2)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(size=variable.shape, scale=0.3))
        return model

    return make


@pytest.fixture
def forked_data() -> dict[str, np.ndarray]:
    """Return 64 samples for it, with labels by output."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(64, 4)).astype(np.float32), rng.normal(size=(64, 3)).astype(np.float32)
    return {"a": a, "b": b, "kind": rng.integers(0, 3, 64), "size": a.sum(axis=1, keepdims=True)}


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., Any]:
    """Make a trainer that keeps its checkpoints in this test's folder."""

    def make(model: Any, data: Any, folder: str = "kept", **options: Any) -> Any:
        from edgekit.progress import Silent
        from edgekit.training import Trainer, TrainingOptions

        chosen = TrainingOptions(**{"epochs": 2, "learning_rate": 1e-2, **options})
        return Trainer(model, data, chosen, folder=tmp_path / folder, progress=Silent())

    return make


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    """Tell whether two models have the same variables, to the last bit; seeds apart."""

    def compare(one: Any, other: Any) -> bool:
        import keras

        pairs = zip(one.variables, other.variables, strict=True)
        arrays = [tuple(keras.ops.convert_to_numpy(v) for v in pair) for pair in pairs]
        return all(np.array_equal(a, b) for a, b in arrays)

    return compare
