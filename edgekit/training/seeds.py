"""Seeds what is global while the user's code runs, and puts back what the user had."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def seeded() -> Iterator[None]:
    """Put back the states of Python's and numpy's random numbers afterwards.

    Keras has no way to read its own global seed, nor the backend's: those stay as set last.
    """
    python, legacy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


def seed_all(*parts: int) -> None:
    """Seed everything global by some numbers: Python, numpy, Keras, and the backend."""
    import keras

    state = np.random.SeedSequence(parts).generate_state(1)[0]
    keras.utils.set_random_seed(int(state) >> 1)
