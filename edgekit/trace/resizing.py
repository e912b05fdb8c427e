"""Writes resizing by cubic and windowed kernels as products with constant matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Resize = Callable[..., Any]


def by_products(original: Resize) -> Resize:
    """Return a ``tf.image.resize`` that gives the same numbers by operators that all formats have.

    Formats know the nearest neighbour and the linear kernel; cubic ones none has, or not as
    TensorFlow computes them. Each is linear and works on rows and columns apart, so its weights are
    what it makes of unit vectors. Where sizes are unknown, all stays as it is.
    """

    def resize(images: Any, size: Any, method: str = "bilinear", **options: Any) -> Any:
        import tensorflow as tf

        images = tf.convert_to_tensor(images)
        wanted = tf.get_static_value(tf.convert_to_tensor(size))
        native = method == "nearest" or (method == "bilinear" and not options.get("antialias"))
        known = images.shape.rank == 4 and None not in images.shape[1:].as_list()
        if native or wanted is None or not known or options.get("preserve_aspect_ratio"):
            return original(images, size, method, **options)
        sizes = zip(images.shape[1:3].as_list(), map(int, wanted), strict=True)
        antialias = bool(options.get("antialias"))
        weights = [_weights(original, pair, method, antialias=antialias) for pair in sizes]
        return _multiplied(images, *weights)

    return resize


def _multiplied(images: Any, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Any:
    """Multiply the rows and the columns of pictures (batch, height, width, channels)."""
    import tensorflow as tf

    height, width, channels = images.shape[1:].as_list()
    turned = tf.transpose(tf.cast(images, tf.float32), [0, 3, 2, 1])
    tall = tf.matmul(tf.reshape(turned, [-1, height]), rows)
    tall = tf.reshape(tall, [-1, channels, width, rows.shape[1]])
    wide = tf.matmul(tf.reshape(tf.transpose(tall, [0, 1, 3, 2]), [-1, width]), columns)
    wide = tf.reshape(wide, [-1, channels, rows.shape[1], columns.shape[1]])
    return tf.transpose(wide, [0, 2, 3, 1])


def _weights(
    original: Resize, sizes: tuple[int, int], method: str, *, antialias: bool
) -> NDArray[np.float32]:
    """Return the (was, now) matrix that a line of pixels is multiplied by."""
    import tensorflow as tf

    was, now = sizes
    with tf.init_scope():  # at once, and not in the graph that is being traced
        units = np.eye(was, dtype=np.float32).reshape(1, was, 1, was)
        found = np.asarray(original(units, [now, 1], method, antialias=antialias))
    return np.ascontiguousarray(found.reshape(now, was).T)
