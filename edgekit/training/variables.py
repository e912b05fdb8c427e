"""Reads and writes the variables of models and optimizers, in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SEED_STATE = "seed_generator_state"


def values(variables: Sequence[Any]) -> tuple[Array, ...]:
    """Return copies of the values, in order."""
    import keras

    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)


def assign(variables: Sequence[Any], stored: Sequence[Array]) -> None:
    """Give variables their stored values; dtypes that numpy cannot store come as bytes."""
    for variable, array in zip(variables, stored, strict=True):
        if array.dtype == np.uint8 and str(variable.dtype) != "uint8":
            like = values([variable])[0]
            array = np.frombuffer(array.tobytes(), like.dtype).reshape(like.shape)
        variable.assign(array)


def seed_dropout(model: Any, seed: int) -> None:
    """Let everything random in a model begin at states that only a seed and the order decide."""
    states = [variable for variable in model.variables if variable.path.endswith(SEED_STATE)]
    for place, state in enumerate(states):
        drawn = np.random.default_rng([seed, place]).integers(1 << 31)
        state.assign(np.array([drawn, 0]))


def fingerprint(model: Any) -> str:
    """Return a digest of a model's variables: shapes, dtypes and values; no names, no seeds."""
    total = hashlib.sha256()
    for variable in model.variables:
        total.update(f"{variable.shape} {variable.dtype}".encode())
        if not variable.path.endswith(SEED_STATE):
            total.update(values([variable])[0].tobytes())
    return total.hexdigest()
