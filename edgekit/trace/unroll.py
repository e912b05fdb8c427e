"""Lays recurrent layers out step by step, for formats whose quantizers do not enter loops."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

# Beyond this a graph is too large to convert in reasonable time: about fifteen operators a step.
MOST_STEPS = 256


def recurrent(model: Any) -> bool:
    """Whether a model has recurrent layers, at any depth, which a trace writes as loops."""
    return any(_is_recurrent(layer) for layer in model._flatten_layers())


@contextlib.contextmanager
def unrolling(model: Any, most: int = MOST_STEPS) -> Iterator[None]:
    """Let recurrent layers of at most ``most`` static steps unroll for a while.

    Longer ones stay loops. The model is as before afterwards, whatever happens.
    """
    layers = [layer for layer in model._flatten_layers() if _is_recurrent(layer)]
    before = [(layer, layer.unroll) for layer in layers]
    try:
        for layer in layers:
            object.__setattr__(layer, "inner_loop", _deciding(layer, most))
        yield
    finally:
        for layer, unroll in before:
            layer.__dict__.pop("inner_loop", None)
            layer.unroll = unroll


def _is_recurrent(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.RNN)


def _deciding(layer: Any, most: int) -> Any:
    """Decide at the call, where the number of steps is known, and then run the layer's own loop."""
    loop = layer.inner_loop

    def inner_loop(sequences: Any, *args: Any, **kwargs: Any) -> Any:
        steps = sequences.shape[1]
        layer.unroll = layer.unroll or (steps is not None and int(steps) <= most)
        return loop(sequences, *args, **kwargs)

    return inner_loop
