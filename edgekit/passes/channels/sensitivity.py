"""How the training loss answers to weights: gradient times weight, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.training.feed import Shaper
from edgekit.training.student import student
from edgekit.training.variables import seed_dropout

if TYPE_CHECKING:
    from edgekit.training import Trainer

BATCHES = 16
SIZE = 64

Products = Mapping[int, NDArray[Any]]
"""Gradient times weight by the ``id()`` of the variable, in the variable's shape."""


def products(model: Any, trainer: Trainer, *, batches: int = BATCHES) -> Iterator[Products]:
    """Yield gradient times weight of all weights for some batches of the training data.

    Everything trains for once; batch norms without a factor of their own run in inference mode,
    for the loss does not answer to a scale that they take away. Afterwards all variables are as
    they were.

    Args:
        model: With the source's inputs and outputs.
        trainer: Whose data and loss are used.
        batches: At most so many.
    """
    import keras

    ground = trainer.ground
    shapes = {name: (None, *a.shape[1:]) for name, a in ground.ports.outputs.items()}
    shaper = Shaper(ground.ports.inputs, shapes, ground.goals, ground.data.training.origin)
    with _as_it_was(model):
        seed_dropout(model, ground.seed)
        whole = student(model, ground.goals)
        recorder = _class()(learning_rate=1.0)
        whole.compile(optimizer=recorder, jit_compile=keras.backend.backend() == "jax")
        for piece in islice(ground.data.ordered(SIZE), batches):
            whole.train_on_batch(*shaper(piece))
            yield recorder.read()


@contextmanager
def _as_it_was(model: Any) -> Iterator[None]:
    import keras

    # A copy: JAX gives the memory that it trained in away.
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    trained = {layer.name: layer.trainable for layer in model.layers}
    for layer in model.layers:
        layer.trainable = getattr(layer, "scale", None) is not False
    try:
        yield
    finally:
        for layer in model.layers:
            layer.trainable = trained[layer.name]
        for variable, values in zip(model.variables, before, strict=True):
            variable.assign(values)


@cache
def _class() -> Any:
    import keras

    class Recorder(keras.optimizers.Optimizer):  # type: ignore[misc]
        """Changes nothing, and keeps the last gradient of every variable times the variable."""

        def build(self, variables: Any) -> None:
            super().build(variables)
            self._slots = [
                self.add_variable_from_reference(variable, name="product") for variable in variables
            ]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            slot = self._slots[self._get_variable_index(variable)]
            self.assign(slot, keras.ops.multiply(variable, gradient))

        def read(self) -> Products:
            return {
                id(variable): np.array(keras.ops.convert_to_numpy(slot), np.float64)
                for variable, slot in zip(self._trainable_variables, self._slots, strict=True)
            }

    return Recorder
