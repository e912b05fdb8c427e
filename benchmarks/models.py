"""Models of keras.applications with seeded random weights that behave like trained ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
SPREAD = 2.0
Array = NDArray[np.float32]


def architectures() -> list[str]:
    """Return the names of every architecture of keras.applications."""
    import keras

    return [n for n in dir(keras.applications) if n[0].isupper()]


def build(name: str, *, seed: int = 0, **options: Any) -> Any:
    """Build an architecture at the smallest input it allows, its statistics warmed.

    ``options`` go to the constructor; ``input_shape`` among them overrides the smallest.
    """
    import keras

    keras.utils.set_random_seed(seed)
    make = getattr(keras.applications, name)
    options.setdefault("input_shape", (SIDE, SIDE, 3))
    try:
        model = make(weights=None, **options)
    except ValueError as error:
        least = re.search(r"at least (\d+)x(\d+)", str(error))
        if least is None:
            raise
        side = int(least[1])
        model = make(weights=None, **options | {"input_shape": (side, side, 3)})
    warm(model, pictures(model, 32, seed=seed))
    return model


def pictures(model: Any, count: int, *, seed: int) -> Array:
    """Return smooth random pictures in the range that the model's own first layers want."""
    import keras

    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    own = any(isinstance(layer, scaling) for layer in model.layers)
    rng = np.random.default_rng(seed)
    height, width, channels = model.input_shape[1:]
    coarse = rng.uniform(-1, 1, (count, 4, 4, channels))
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    smooth = coarse[:, rows][:, :, columns] + rng.normal(0, 0.15, (count, height, width, channels))
    unit = np.clip(smooth, -1, 1)
    return ((unit + 1) * 127.5 if own else unit).astype(np.float32)


def warm(model: Any, batch: Array) -> None:
    """Set every batch norm's statistics to those of the batch, and give the top a real spread.

    Random weights leave the logits of all classes nearly equal. A softmax over a thousand of those
    is 0.001 everywhere, less than one step of an int8 output: no trained classifier does that.
    So the last kernel is scaled until the logits of the classes spread by ``SPREAD``.
    """
    import keras

    norms = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(batch, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    _spread(model, batch)


def _spread(model: Any, batch: Array) -> None:
    import keras

    top = model.layers[-1]
    if not isinstance(top, keras.layers.Dense):
        return
    features = np.asarray(keras.Model(model.inputs, top.input)(batch))
    kernel = np.asarray(top.kernel)
    top.kernel.assign(kernel * (SPREAD / max(float((features @ kernel).std()), 1e-12)))
