"""Where the classes and functions that a live model is made of can be imported from."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from edgekit.errors import SourceError


def importable(model: Any, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return ``module:name`` of everything in a model that is not Keras' own, and that has a place.

    Functions without a place are left out: a ``Lambda`` carries its own.

    Args:
        model: A ``keras.Model``; it is only read.
        given: ``module:name`` of what the user has named already.

    Raises:
        SourceError: a layer's class can be imported from nowhere, and is not among ``given``.
    """
    named = {text.partition(":")[2] for text in given}
    found: dict[str, None] = {}
    for thing in _foreign(model):
        if _has_place(thing):
            found[f"{thing.__module__}:{thing.__name__}"] = None
        elif inspect.isclass(thing) and thing.__name__ not in named:
            raise SourceError(
                f"the model {model.name!r} uses the class {thing.__qualname__!r} of "
                f"{thing.__module__}, which another process cannot import: put it into a module "
                "of its own and import it from there, or run with KERAS_BACKEND=tensorflow"
            )
    return tuple(found)


def _foreign(model: Any) -> Iterator[Any]:
    """Yield the classes of layers and of what they hold, and functions, that are the user's."""
    import keras

    held = (keras.Initializer, keras.Regularizer, keras.constraints.Constraint)
    for layer in model._flatten_layers():
        parts: list[Any] = [type(layer)]
        for value in vars(layer).values():
            if isinstance(value, held):
                parts.append(type(value))
            elif inspect.isfunction(value) and value.__name__ != "<lambda>":
                parts.append(value)
        yield from (part for part in parts if part.__module__.partition(".")[0] != "keras")


def _has_place(thing: Any) -> bool:
    module = thing.__module__
    return module != "__main__" and getattr(sys.modules.get(module), thing.__name__, None) is thing
