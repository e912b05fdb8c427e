"""Lets Keras write the plain operators that converters know, for the time of a trace."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from edgekit.trace.resizing import by_products


@contextlib.contextmanager
def plain_operators() -> Iterator[None]:
    """Let Keras use neither XLA, nor Einsum, nor the bits of numbers; all is put back afterwards.

    A function that asks for XLA is never inlined, and no converter can look into it: Keras's
    grouped convolution does. Keras's argmax reads the sign bit to tell -0 from 0, which makes no
    difference but between two zeros, and no format can read bits. No quantizer enters Einsum,
    and TensorFlow can write it with matrix products. Categories are counted by one-hot vectors,
    and cubic resizing is a product with constants.
    """
    import tensorflow as tf
    from keras.src import backend
    from keras.src.utils import tf_utils

    original = tf.function

    def without_xla(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs | {"jit_compile": False})

    changes: list[tuple[Any, str, Any]] = [
        (tf, "function", without_xla),
        (tf, "einsum", _einsum),
        (tf.image, "resize", by_products(tf.image.resize)),
        (tf_utils, "tf_encode_categorical_inputs", _refuse),
    ]
    for name, search in (("argmax", tf.argmax), ("argmin", tf.argmin)):
        if backend.backend() == "tensorflow" and hasattr(backend.numpy, name):
            changes.append((backend.numpy, name, _searching(search)))
    before = [(holder, name, getattr(holder, name)) for holder, name, _ in changes]
    try:
        for holder, name, value in changes:
            setattr(holder, name, value)
        yield
    finally:
        for holder, name, value in before:
            setattr(holder, name, value)


def _einsum(equation: str, *operands: Any, **options: Any) -> Any:
    """Write an Einsum of two operands as matrix products, others as they are."""
    from tensorflow.python.ops import special_math_ops

    if len(operands) != 2 or "." in equation:
        return special_math_ops.einsum(equation, *operands, **options)
    return special_math_ops._einsum_v1(equation, *operands)


def _refuse(*_: Any, **__: Any) -> Any:
    """Refuse to count categories by DenseBincount, which few converters know.

    Keras then does it by one-hot vectors, as on other backends.
    """
    raise ValueError("no counting by bins")


def _searching(search: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def extreme(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        x = tf.convert_to_tensor(x)
        found = search(tf.reshape(x, [-1]) if axis is None else x, axis or 0, output_type="int32")
        if not keepdims:
            return found
        return (
            tf.reshape(found, [1] * x.shape.rank) if axis is None else tf.expand_dims(found, axis)
        )

    return extreme
