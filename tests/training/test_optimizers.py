"""Adam in one kernel a variable, beside Keras' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.training.optimizers import optimizer
from edgekit.training.options import OPTIMIZERS


def updated(made: Any, shape: tuple[int, ...], dtype: str, steps: int = 30) -> list[np.ndarray]:
    """Return a variable and its moments after some steps along gradients of all sizes."""
    import keras

    rng = np.random.default_rng(5)
    variable = keras.Variable(rng.normal(size=shape), dtype=dtype)
    made.build([variable])
    for _ in range(steps):
        gradient = rng.normal(size=shape) * 10.0 ** rng.integers(-6, 3, shape)
        made.apply([keras.ops.convert_to_tensor(gradient, dtype=dtype)], [variable])
    return [np.asarray(each) for each in (variable, *made.variables)]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("shape", [(), (7,), (3, 3, 4, 8)])
@pytest.mark.parametrize("scheduled", [False, True])
def test_it_updates_as_keras_does(shape: tuple[int, ...], dtype: str, scheduled: bool) -> None:
    import keras

    schedules = keras.optimizers.schedules
    rate: Any = schedules.CosineDecay(0.1, decay_steps=40) if scheduled else 1e-3
    given = schedules.serialize(rate) if scheduled else rate
    ours = updated(optimizer("adam", given), shape, dtype)
    theirs = updated(keras.optimizers.Adam(rate), shape, dtype)
    least = 1e-4 if dtype == "float32" else 0.0
    for own, known in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, known, rtol=least, atol=least)


def test_rows_of_an_embedding_are_updated_as_keras_does() -> None:
    import keras

    def trained(made: Any) -> np.ndarray:
        keras.utils.set_random_seed(1)
        layers = keras.layers
        model = keras.Sequential(
            [keras.Input((4,), dtype="int32"), layers.Embedding(9, 3), layers.Flatten(),
             layers.Dense(1)]
        )  # fmt: skip
        model.compile(optimizer=made, loss="mse")
        rng = np.random.default_rng(2)
        model.fit(rng.integers(0, 5, (32, 4)), rng.normal(size=(32, 1)), epochs=3, verbose=0)
        return np.concatenate([np.ravel(each) for each in model.get_weights()])

    ours, theirs = trained(optimizer("adam", 0.01)), trained(keras.optimizers.Adam(0.01))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_name_makes_its_optimizer(name: str) -> None:
    import keras

    made = optimizer(name, 0.25)
    known = {key.lower(): kind for key, kind in vars(keras.optimizers).items()}
    assert isinstance(made, known[name])
    assert float(made.learning_rate) == 0.25
