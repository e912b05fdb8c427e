"""Keeps what a model file declares within what it holds, and within this machine's memory."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from edgekit.errors import SourceError

FLOOR_NUMBERS = 1 << 24
_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def weights_within(held_bytes: int) -> Iterator[None]:
    """Let layers make no more weights than a file holds, while this lasts in this thread.

    A file stores every weight of its model. Each of its bytes may be a number, and 16 million may
    be made in any case.

    Raises:
        SourceError: a layer wants more; no memory was taken for it. The text names the layer.
    """
    import keras

    base, thread = keras.layers.Layer, threading.get_ident()
    left, refused = max(held_bytes, FLOOR_NUMBERS), list[SourceError]()

    def add_weight(layer: Any, *given: Any, **named: Any) -> Any:
        nonlocal left
        shape = named.get("shape", given[0] if given else None)
        if threading.get_ident() == thread:
            left -= _numbers(shape)
            if left < 0:
                refused.append(_too_many(layer, shape, held_bytes))
                raise refused[0]
        return original(layer, *given, **named)

    with _one_at_a_time:
        original = base.add_weight
        base.add_weight = add_weight
        try:
            yield
        except Exception as error:
            if refused:  # Keras puts a frame around what is raised within it
                raise refused[0] from error
            raise
        finally:
            base.add_weight = original


def check_outputs(model: Any) -> None:
    """Make sure that each layer's output, for one sample, fits into this machine's memory.

    Dimensions that are not known count as 1.

    Raises:
        SourceError: it does not; the text names the layer.
    """
    import psutil

    most = psutil.virtual_memory().total
    for layer in model._flatten_layers():
        for node in getattr(layer, "_inbound_nodes", ()):
            for tensor in getattr(node, "output_tensors", ()):
                if 4 * _numbers(tensor.shape) > most:
                    raise SourceError(
                        f"layer {layer.name!r} gives {_show(tensor.shape)} numbers for one sample, "
                        f"which this machine's memory of {most >> 30} GiB cannot hold; "
                        "is the file damaged?"
                    )


def _too_many(layer: Any, shape: Any, held_bytes: int) -> SourceError:
    return SourceError(
        f"layer {layer.name!r} declares weights of {_show(shape)}, but the file holds "
        f"{held_bytes} bytes for the whole model: configuration and weights do not fit together"
    )


def _show(shape: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape)


def _numbers(shape: Any) -> int:
    if not isinstance(shape, (tuple, list)):
        return int(shape) if isinstance(shape, int) else 1
    return math.prod(size for size in shape if isinstance(size, int))
