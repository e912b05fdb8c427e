"""How layers and operations without weights pass channels on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgekit.passes.channels import known
from edgekit.passes.channels.ledger import Call, Cut, Ids, Ledger, Rule, Untreated


def same(call: Call, ledger: Ledger) -> Ids:
    """Pass every channel on by itself: activations, pooling, padding, dropout and the like."""
    if len(call.given) != 1 or call.result[-1] != len(call.given[0]):
        raise Untreated("it changes the number of channels")
    noise = getattr(call.layer, "noise_shape", None)
    if noise and noise[-1] not in (None, 1):
        raise Untreated(f"its noise has the fixed shape {tuple(noise)}")
    _refuse_arrays(call)
    return call.given[0]


def rescaled(call: Call, ledger: Ledger) -> Ids:
    """Follow Rescaling by one factor and one offset."""
    if np.ndim(call.layer.scale) or np.ndim(call.layer.offset):
        raise Untreated("it holds a constant for each channel")
    return same(call, ledger)


def along_axis(call: Call, ledger: Ledger) -> Ids:
    """Pass channels on where an operation runs along axes of which the last is none."""
    axis = getattr(call.layer, "axis", None)
    rank = len(call.shape)
    given = range(rank) if axis is None else (axis if isinstance(axis, list | tuple) else [axis])
    if rank - 1 in {number % rank for number in given} or len(call.given) != 1:
        raise Untreated("it mixes channels")
    return same(call, ledger)


def merged(call: Call, ledger: Ledger) -> Ids:
    """Tie channels that are added, multiplied or compared; one that all others meet stays."""
    _refuse_arrays(call)
    wide = max(call.given, key=len)
    for ids in call.given:
        if len(ids) == len(wide):
            ledger.tie(wide, ids)
        elif len(ids) == 1:
            ledger.freeze(ids, f"every channel meets it at {call.node.name}")
        else:
            raise Untreated(f"{len(ids)} channels meet {len(wide)}")
    if call.result[-1] != len(wide):
        raise Untreated("its channels are not those that come in")
    return wide


def concatenated(call: Call, ledger: Ledger) -> Ids:
    """Put channels beside each other; along another axis, tie them."""
    if call.layer.axis % len(call.result) == len(call.result) - 1:
        return np.concatenate(call.given)
    return merged(call, ledger)


def reshaped(call: Call, ledger: Ledger) -> Ids:
    """Follow channels through Flatten and Reshape.

    Elements keep their order. What comes to stand in one column of the new last axis leaves
    together.
    """
    ids, before, after = call.given[0], call.shape[1:], call.result[1:]
    if after and after[-1] == len(ids) and (None in before or None in after):
        out = ids
    elif not after or None in before or None in after:
        raise Untreated("it reshapes axes of open length")
    else:
        rows = math.prod(int(size or 0) for size in before[:-1])
        table = np.tile(ids, rows).reshape(-1, int(after[-1] or 0))
        out = table[0]
        _tie_rows(table, ledger)
    for key in ("target_shape", "newshape"):
        if hasattr(call.layer, key):
            ledger.cut(call.node.layer, Cut(counts={key: out}, path=call.path))
    return out


def permuted(call: Call, ledger: Ledger) -> Ids:
    """Follow channels that stay last."""
    order = getattr(call.layer, "dims", None) or getattr(call.layer, "axes", None)
    if not order or order[-1] not in (len(call.shape) - 1, -1):
        raise Untreated("it moves channels to another axis")
    return same(call, ledger)


def expanded(call: Call, ledger: Ledger) -> Ids:
    """Follow ExpandDims and Squeeze of other axes than the last."""
    axis = call.layer.axis
    rank = max(len(call.shape), len(call.result))
    axes = [axis] if isinstance(axis, int) else list(axis or [rank - 1])
    if rank - 1 in {number % rank for number in axes}:
        raise Untreated("it moves channels to another axis")
    return same(call, ledger)


def sliced(call: Call, ledger: Ledger) -> Ids:
    """Follow indexing that takes all channels."""
    key = call.node.args[1] if len(call.node.args) > 1 else call.node.kwargs.get("key")
    keys = key if isinstance(key, tuple) else (key,)
    rank = len(call.shape)
    if any(not isinstance(k, int | slice) and k is not Ellipsis for k in keys):
        raise Untreated("it picks single elements")
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        missing = rank - len(keys) + 1
        keys = (*keys[:place], *[slice(None)] * missing, *keys[place + 1 :])
    if len(keys) == rank and keys[-1] != slice(None):
        raise Untreated("it picks some of the channels")
    if len(call.given) != 1 or call.result[-1] != len(call.given[0]):
        raise Untreated("it changes the number of channels")
    return call.given[0]


def _tie_rows(table: Ids, ledger: Ledger) -> None:
    different = table[(table != table[0]).any(axis=1)]
    if len(different):
        ledger.tie(np.tile(table[0], len(different)), different.reshape(-1))


def _refuse_arrays(call: Call) -> None:
    """Refuse constants that may have a value for each channel.

    Raises:
        Untreated: there is one.
    """
    import keras

    arguments = [*call.node.args, *call.node.kwargs.values()]
    if any(isinstance(v, list | tuple) and _numbers(v) for v in arguments):
        raise Untreated("it holds a list of numbers")
    for value in keras.tree.flatten(arguments):
        shape = tuple(getattr(value, "shape", ()))
        if not isinstance(value, keras.KerasTensor) and shape and shape[-1] != 1:
            raise Untreated(f"it holds a constant of shape {shape}")


def _numbers(values: Any) -> bool:
    return any(isinstance(value, int | float) for value in values)


LAYERS: dict[str, Rule] = {
    **dict.fromkeys(known.LAYERS, same),
    "Rescaling": rescaled,
    "Softmax": along_axis,
    **dict.fromkeys(known.MERGES, merged),
    "Concatenate": concatenated,
    "Flatten": reshaped,
    "Reshape": reshaped,
    "Permute": permuted,
}
OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(known.OPERATIONS, same),
    **dict.fromkeys(known.REDUCTIONS, along_axis),
    **dict.fromkeys(("Softmax", "LogSoftmax"), along_axis),
    **dict.fromkeys((*known.MERGES, *known.BINARY), merged),
    "Concatenate": concatenated,
    "Reshape": reshaped,
    "Transpose": permuted,
    "ExpandDims": expanded,
    "Squeeze": expanded,
    "GetItem": sliced,
    "Pad": same,
}
