"""How small a model's weights become in a compressed file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats.packed import gzip_size
from edgekit.passes.weights import Weight


def compressed_bytes(arrays: Sequence[NDArray[Any]]) -> int:
    """Return the bytes that gzip makes of arrays, one after the other."""
    return gzip_size(np.ascontiguousarray(array).tobytes() for array in arrays)


def variables(model: Any) -> list[NDArray[Any]]:
    """Return the numbers of all weights of a model, as a float file would hold them."""
    import keras

    return [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in model.weights]


def size_figures(before: Sequence[NDArray[Any]], after: Sequence[NDArray[Any]]) -> dict[str, float]:
    """Return figures on float weights in a compressed file, before and after a pass.

    ``compressed_share`` is the size after by that before, both compressed.
    """
    was, now = compressed_bytes(before), compressed_bytes(after)
    return {
        "weights_kib": sum(array.nbytes for array in before) / 1024,
        "compressed_before_kib": was / 1024,
        "compressed_kib": now / 1024,
        "compressed_share": now / was if was else 1.0,
    }


def sparsity_figures(weights: Sequence[Weight]) -> Mapping[str, float]:
    """Return the share of zeros of kernels, together and by layer (``sparsity/<layer>``)."""
    zeros: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for weight in weights:
        name = weight.layer.name
        zeros[name] = zeros.get(name, 0) + int(np.count_nonzero(weight.read() == 0))
        sizes[name] = sizes.get(name, 0) + weight.size
    whole = sum(zeros.values()) / max(1, sum(sizes.values()))
    return {"sparsity": whole, **{f"sparsity/{n}": zeros[n] / sizes[n] for n in zeros}}
