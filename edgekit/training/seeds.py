"""Seeds what is global while the user's code runs, and puts back what the user had."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

_KERAS = ("global_random_seed", "global_seed_generator")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, numpy, Keras and its backend for a while.

    Afterwards Python's, numpy's and Keras' own random numbers go on as if nothing had been; those
    of the backend, whose state Keras does not show, go on from the seed.
    """
    import keras
    from keras.src.backend.common import global_state

    python, legacy = random.getstate(), np.random.get_state()
    kept = {name: global_state.get_global_attribute(name) for name in _KERAS}
    try:
        keras.utils.set_random_seed(_number(seed))
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        for name, value in kept.items():
            global_state.set_global_attribute(name, value)


def seed_epoch(seed: int, epoch: int) -> None:
    """Let what an epoch draws from Python and numpy depend on seed and epoch only."""
    number = _number(seed, epoch)
    random.seed(number)
    np.random.seed(number)


def _number(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0]) >> 1
