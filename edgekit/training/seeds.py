"""Seeds what is global while the user's code runs, and puts back what the user had."""

from __future__ import annotations

import contextlib
import importlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

_KERAS = ("global_random_seed", "global_seed_generator")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, numpy, Keras and its backend for a while.

    Afterwards the random numbers of Python, numpy, Keras and torch go on as if nothing had been;
    those of TensorFlow, whose state cannot be read, go on from the seed.
    """
    import keras
    from keras.src.backend.common import global_state

    python, legacy, torch = random.getstate(), np.random.get_state(), _torch()
    drawn = None if torch is None else torch.get_rng_state()
    kept = {name: global_state.get_global_attribute(name) for name in _KERAS}
    try:
        keras.utils.set_random_seed(_number(seed))
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        if torch is not None:
            torch.set_rng_state(drawn)
        for name, value in kept.items():
            global_state.set_global_attribute(name, value)


def seed_epoch(seed: int, epoch: int) -> None:
    """Let what an epoch draws from Python, numpy and torch depend on seed and epoch only.

    TensorFlow is left out: Keras gives its layers states of their own there, and to set its seed
    drops every compiled function. On torch, dropout draws from what is global.
    """
    number, torch = _number(seed, epoch), _torch()
    random.seed(number)
    np.random.seed(number)
    if torch is not None:
        torch.manual_seed(number)


def _torch() -> Any:
    """Return torch where Keras runs on it."""
    import keras

    return importlib.import_module("torch") if keras.backend.backend() == "torch" else None


def _number(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0]) >> 1
