"""Models of keras.applications with seeded random weights that behave like trained ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
SPREAD = 2.0
WARMING = 64
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
    warm(model, pictures(model, WARMING, seed=seed), seed=seed)
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


def warm(model: Any, batch: Array, *, seed: int = 0) -> None:
    """Draw scales and offsets, set statistics to those of the batch, and spread the top.

    A batch norm whose offsets are 0 makes the next ReLU as little linear as it can be: it makes
    any difference sqrt(pi / (pi - 1)) = 1.21 times as large against the signal, layer by layer
    (Yang et al. 2019, "A mean field theory of batch normalization", section 3.2), and the hundred
    layers of such a net turn the last bit of float32 into an error of -70 dB, Keras's own too. No
    trained net is so unsteady. With offsets around 1 a layer does a twentieth of a bel, and scales
    and offsets that differ from channel to channel show what a fold gets wrong.

    The batch has to be larger than the channels are similar: 32 pictures that have shrunk to one
    pixel span 31 directions of a thousand, and others fall outside.

    Random weights leave the logits of all classes nearly equal. A softmax over a thousand of those
    is 0.001 everywhere, less than one step of an int8 output: no trained classifier does that.
    So the last kernel is scaled until the logits of the classes spread by ``SPREAD``.
    """
    import keras

    rng = np.random.default_rng(seed)
    layers = model._flatten_layers()
    norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in norms:
        _draw(layer, rng)
    # ConvNeXt starts its blocks at a millionth of their input: they would not be seen at all.
    for layer in model._flatten_layers():
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(rng.uniform(0.1, 0.3, layer.gamma.shape))
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(batch, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    _spread(model, batch)


def _draw(layer: Any, rng: np.random.Generator) -> None:
    if layer.scale:
        layer.gamma.assign(rng.uniform(0.8, 1.2, layer.gamma.shape))
    if layer.center:
        layer.beta.assign(rng.normal(1.0, 0.2, layer.beta.shape))


def _spread(model: Any, batch: Array) -> None:
    import keras

    kinds = (keras.layers.Dense, keras.layers.Conv2D)
    top = next(layer for layer in reversed(model.layers) if isinstance(layer, kinds))
    features = np.asarray(keras.Model(model.input, top.input)(batch))
    kernel = np.asarray(top.kernel)
    logits = features @ kernel.reshape(-1, kernel.shape[-1])  # of a convolution too: it is 1 by 1
    top.kernel.assign(kernel * (SPREAD / max(float(logits.std()), 1e-12)))
