"""How layers with weights pass channels on, and which of their weights follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.passes.channels.ledger import Call, Cut, Ids, Ledger, Places, Rule, Untreated

Axes = Mapping[str, Mapping[int, Ids]]


def dense(call: Call, ledger: Ledger) -> Ids:
    """Follow Dense: units are channels."""
    out = ledger.made(call.node.layer, call.layer.units)
    along = {"kernel": {0: call.given[0], 1: out}, "bias": {0: out}}
    _note(call, ledger, along, counts={"units": out}, filters=("kernel", 1))
    return out


def convolution(call: Call, ledger: Ledger) -> Ids:
    """Follow Conv1D to Conv3D.

    With groups, channels at one place of every group leave together, so that groups stay alike;
    with a group for each channel, groups leave as in a depthwise convolution.
    """
    layer, (given,) = call.layer, call.given
    groups, taps = layer.groups, layer.rank
    if groups == len(given) > 1:
        out = np.repeat(given, layer.filters // groups)
        along = {"kernel": {taps + 1: out}, "bias": {0: out}}
        counts = {"filters": out, "groups": given}
        _note(call, ledger, along, counts=counts, filters=("kernel", taps + 1))
        return out
    out = ledger.made(call.node.layer, layer.filters)
    inner = given.reshape(groups, -1)
    for ids in (inner, out.reshape(groups, -1)):
        ledger.tie(np.tile(ids[0], groups), ids.reshape(-1))
    along = {"kernel": {taps: inner[0], taps + 1: out}, "bias": {0: out}}
    _note(call, ledger, along, counts={"filters": out}, filters=("kernel", taps + 1))
    return out


def transposed(call: Call, ledger: Ledger) -> Ids:
    """Follow Conv1DTranspose to Conv3DTranspose, whose kernels are [..., out, in]."""
    taps = call.layer.rank
    out = ledger.made(call.node.layer, call.layer.filters)
    along = {"kernel": {taps: out, taps + 1: call.given[0]}, "bias": {0: out}}
    _note(
        call,
        ledger,
        along,
        counts={"filters": out},
        filters=("kernel", taps),
        times=call.places(call.shape),
    )
    return out


def depthwise(call: Call, ledger: Ledger) -> Ids:
    """Follow DepthwiseConv1D and 2D: a channel takes all its multiples along."""
    out = np.repeat(call.given[0], call.layer.depth_multiplier)
    along = {"kernel": {call.layer.rank: call.given[0]}, "bias": {0: out}}
    _note(call, ledger, along, filters=("kernel", call.layer.rank))
    return out


def separable(call: Call, ledger: Ledger) -> Ids:
    """Follow SeparableConv1D and 2D."""
    layer, (given,) = call.layer, call.given
    out = ledger.made(call.node.layer, layer.filters)
    inner = np.repeat(given, layer.depth_multiplier)
    along = {
        "depthwise_kernel": {layer.rank: given},
        "pointwise_kernel": {layer.rank: inner, layer.rank + 1: out},
        "bias": {0: out},
    }
    _note(
        call,
        ledger,
        along,
        counts={"filters": out},
        filters=("pointwise_kernel", layer.rank + 1),
        works=("depthwise_kernel", "pointwise_kernel"),
    )
    return out


def batch_norm(call: Call, ledger: Ledger) -> Ids:
    """Follow BatchNormalization over channels."""
    if call.layer.axis not in (-1, len(call.shape) - 1):
        raise Untreated("it normalizes along another axis than the last")
    ids = call.given[0]
    along = {n: {0: ids} for n in ("gamma", "beta", "moving_mean", "moving_variance")}
    _note(call, ledger, along, scales=("gamma", 0))
    return ids


def layer_norm(call: Call, ledger: Ledger) -> Ids:
    """Follow normalizations whose statistics are taken over channels: fewer change them a little.

    Of GroupNormalization, channels at one place of every group leave together.
    """
    layer, ids = call.layer, call.given[0]
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)
    if axis not in (-1, len(call.shape) - 1, (-1,), (len(call.shape) - 1,)):
        raise Untreated("it normalizes along other axes than the last")
    along = {n: {0: ids} for n in ("gamma", "beta", "scale")}
    counts = {}
    groups = getattr(layer, "groups", 1)
    if groups in (-1, len(ids)):
        counts = {"groups": ids} if groups > 0 else {}
    elif groups > 1:
        ledger.tie(np.tile(ids.reshape(groups, -1)[0], groups), ids)
    _note(call, ledger, along, counts=counts)
    return ids


def prelu(call: Call, ledger: Ledger) -> Ids:
    """Follow PReLU, whose slopes may be one a channel or shared."""
    ids = call.given[0]
    alpha = place(call.node.layer, call.layer, "alpha")
    shape = call.node.layer.variables[alpha].shape if alpha is not None else ()
    shared = not shape or (shape[-1] == 1 and len(ids) != 1)
    _note(call, ledger, {} if shared else {"alpha": {len(shape) - 1: ids}})
    return ids


def embedding(call: Call, ledger: Ledger) -> Ids:
    """Follow Embedding: the columns of the table are channels."""
    out = ledger.made(call.node.layer, call.layer.output_dim)
    along = {"embeddings": {1: out}}
    _note(call, ledger, along, counts={"output_dim": out}, filters=("embeddings", 1), works=())
    return out


def recurrent(call: Call, ledger: Ledger) -> Ids:
    """Follow LSTM, GRU, SimpleRNN, alone or in Bidirectional: only what comes in may shrink."""
    layer = call.layer
    halves = [h for n in ("forward_layer", "backward_layer") if (h := getattr(layer, n, None))]
    axes: dict[int, dict[int, Ids]] = {}
    works = []
    for half in halves or [layer]:
        cell = getattr(half, "cell", None)
        kernel = place(call.node.layer, cell, "kernel")
        again = place(call.node.layer, cell, "recurrent_kernel")
        if type(half).__name__ not in RECURRENT or kernel is None or again is None:
            raise Untreated(f"how {type(half).__name__} passes channels on is not known")
        axes[kernel] = {0: call.given[0]}
        works += [(kernel, call.places(call.shape)), (again, call.places(call.shape))]
    ledger.cut(call.node.layer, Cut(axes=axes, works=tuple(works), path=call.path))
    out = ledger.fresh(call.result[-1] or 0)
    ledger.freeze(out, f"the units of {call.node.name} feed back into themselves")
    return out


def _note(
    call: Call,
    ledger: Ledger,
    along: Axes,
    *,
    counts: Mapping[str, Ids] | None = None,
    filters: tuple[str, int] | None = None,
    scales: tuple[str, int] | None = None,
    **more: Any,
) -> None:
    """Put a layer's cut into the ledger; what it multiplies is, unless said, its filters."""
    layer = call.layer
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        raise Untreated("it is quantized by Keras or holds LoRA weights")
    found = {name: place(call.node.layer, layer, name) for name in along}
    works: Sequence[str] = more.get("works", [filters[0]] if filters else [])
    times = more.get("times", call.places(call.result))
    ledger.cut(
        call.node.layer,
        Cut(
            axes={p: along[n] for n, p in found.items() if p is not None},
            counts=dict(counts or {}),
            filters=_along(found, filters),
            scales=_along(found, scales),
            works=tuple((p, times) for n in works if (p := found[n]) is not None),
            path=call.path,
        ),
    )


def _along(found: Mapping[str, int | None], wanted: tuple[str, int] | None) -> tuple[Places, ...]:
    number = found.get(wanted[0]) if wanted else None
    return () if number is None or wanted is None else ((number, wanted[1]),)


def place(owner: Any, layer: Any, name: str) -> int | None:
    """Return where a weight is in the owner's variables; None if there is none of that name."""
    for attribute in (f"_{name}", name):
        weight = getattr(layer, attribute, None)
        for number, variable in enumerate(owner.variables):
            if variable is weight:
                return number
    return None


RECURRENT = ("LSTM", "GRU", "SimpleRNN")

RULES: dict[str, Rule] = {
    "Dense": dense,
    **{f"Conv{rank}D": convolution for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": transposed for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": depthwise for rank in (1, 2)},
    **{f"SeparableConv{rank}D": separable for rank in (1, 2)},
    "BatchNormalization": batch_norm,
    **dict.fromkeys(("LayerNormalization", "GroupNormalization", "RMSNormalization"), layer_norm),
    "PReLU": prelu,
    "Embedding": embedding,
    **dict.fromkeys((*RECURRENT, "Bidirectional"), recurrent),
}
