"""Watches what reaches the layers of a model that remember the data they were trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("BatchNormalization", "Normalization", "Rescaling")
Vector = NDArray[np.float64]


class Enough(BaseException):
    """Ends a run of the model: every layer of interest has been reached.

    Not an ``Exception``, so that no handler in a user's layer takes it for a failure.
    """


@dataclass(kw_only=True, eq=False)
class Seen:
    """What reached one layer: per channel of its axis, summed over everything else."""

    layer: Any
    axes: tuple[int, ...]
    count: int = 0
    total: Vector = field(default_factory=lambda: np.zeros(1))
    squares: Vector = field(default_factory=lambda: np.zeros(1))
    lo: float = np.inf
    hi: float = -np.inf

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    @property
    def kind(self) -> str:
        """The layer's class: one of ``KINDS``."""
        return kind_of(self.layer)

    @property
    def mean(self) -> Vector:
        """Mean of each channel."""
        return self.total / max(self.count, 1)

    @property
    def variance(self) -> Vector:
        """Variance of each channel, over samples and places."""
        return np.maximum(self.squares / max(self.count, 1) - self.mean**2, 0.0)

    def add(self, values: NDArray[Any]) -> None:
        """Take in what reached the layer in one batch."""
        x = np.asarray(values, dtype=np.float64)
        kept = tuple(axis % x.ndim for axis in self.axes)
        summed = tuple(axis for axis in range(x.ndim) if axis not in kept)
        self.total = self.total + x.sum(axis=summed).ravel()
        self.squares = self.squares + (x**2).sum(axis=summed).ravel()
        self.count += int(np.prod([x.shape[axis] for axis in summed]))
        self.lo, self.hi = min(self.lo, float(x.min())), max(self.hi, float(x.max()))


class Watch:
    """What reached the watched layers, in the order in which they ran.

    Args:
        most: End the run after this many ``BatchNormalization`` layers.
    """

    def __init__(self, most: int) -> None:
        self.seen: dict[int, Seen] = {}
        self._most = most

    def record(self, layer: Any, values: Any) -> None:
        """Take in a layer's input, once a run.

        Raises:
            Enough: as many batch norms have run as were asked for.
        """
        import keras

        key = id(layer)
        if key not in self._this_run:
            if key not in self.seen:
                self.seen[key] = Seen(layer=layer, axes=_axes(layer))
            self.seen[key].add(keras.ops.convert_to_numpy(values))
            self._this_run.add(key)
        norms = [k for k in self._this_run if self.seen[k].kind == "BatchNormalization"]
        if len(norms) >= self._most:
            raise Enough

    def begin(self) -> None:
        """Begin another run of the model."""
        self._this_run: set[int] = set()


@contextmanager
def watching(model: Any, most: int) -> Iterator[Watch]:
    """Watch a model's normalizing and rescaling layers while it runs eagerly; then let go.

    Reaches nested, shared and subclassed models alike: it stands before each layer's own ``call``.
    The model is as before afterwards.
    """
    watch = Watch(most)
    watched = [layer for layer in model._flatten_layers() if kind_of(layer)]
    try:
        for layer in watched:
            object.__setattr__(layer, "call", _before(layer, watch))
        yield watch
    finally:
        for layer in watched:
            layer.__dict__.pop("call", None)


def kind_of(layer: Any) -> str:
    """Return which of ``KINDS`` a layer is, also by inheritance; empty for any other."""
    named = (base.__name__ for base in type(layer).__mro__)
    return next((name for name in named if name in KINDS), "")


def _before(layer: Any, watch: Watch) -> Any:
    call = layer.call

    def record_then_call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        watch.record(layer, inputs)
        return call(inputs, *args, **kwargs)

    return record_then_call


def _axes(layer: Any) -> tuple[int, ...]:
    axis = getattr(layer, "axis", None)
    if axis is None:
        return ()
    return tuple(axis) if isinstance(axis, list | tuple) else (int(axis),)
