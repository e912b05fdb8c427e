"""What the author of a custom layer says about it: a method of the layer, or an entry point.

A layer may have the method itself, for instance ``edgekit_prunable(self)``. For a layer that
cannot be changed, an entry point of the group ``edgekit.layers``, named as the layer's class,
points to any object with that method, which is then called with the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.registry import Registry

LAYERS = Registry(kind="custom layer", group="edgekit.layers", shipped={})


def is_custom(layer: Any) -> bool:
    """Whether a layer's class is not Keras' own."""
    return type(layer).__module__.partition(".")[0] != "keras"


def description(layer: Any, method: str) -> Callable[[], Any] | None:
    """Return what answers ``method`` for a layer: its own method, an entry point's, or None.

    Raises:
        OptionError: the entry point cannot be loaded, or two claim the class.
    """
    own = getattr(layer, method, None)
    if callable(own):
        return own  # type: ignore[no-any-return]
    kind = type(layer).__name__
    if kind not in LAYERS.names():
        return None
    theirs = getattr(LAYERS.load(kind), method, None)
    return (lambda: theirs(layer)) if callable(theirs) else None
