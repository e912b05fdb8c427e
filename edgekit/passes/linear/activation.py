"""What happens to a linear layer's output before anybody else reads it."""

from __future__ import annotations

from typing import Any, Literal

from edgekit.passes.graph import Graph, Node

Function = Literal["linear", "relu", "leaky", "relu6", "other"]
"""``leaky``: linear on either side of 0; it commutes with positive factors, as ``relu`` does."""

_OPERATIONS: dict[str, Function] = {"Relu": "relu", "Relu6": "relu6", "LeakyRelu": "leaky"}
_LAYERS: dict[str, Function] = {"LeakyReLU": "leaky", "PReLU": "leaky"}


def own_function(layer: Any) -> Function:
    """Return what a layer's ``activation`` computes."""
    import keras

    given = getattr(layer, "activation", None)
    activations = keras.activations
    known: dict[Any, Function] = {
        None: "linear", activations.linear: "linear", activations.relu: "relu",
        activations.leaky_relu: "leaky", activations.relu6: "relu6",
    }  # fmt: skip
    if isinstance(given, keras.layers.ReLU | keras.layers.LeakyReLU):
        return _rectifier(given)
    try:
        return known.get(given, "other")
    except TypeError:  # not hashable: somebody's own
        return "other"


def function(node: Node) -> Function:
    """Return what a call that only activates computes; ``other`` for every other call."""
    kind = type(node.layer)
    if not kind.__module__.startswith("keras.") or len(node.inputs) != 1:
        return "other"
    if kind.__name__ == "Activation":
        return own_function(node.layer)
    if kind.__name__ == "Identity":
        return "linear"
    if kind.__name__ == "ReLU":
        return _rectifier(node.layer)
    if ".ops." in kind.__module__:
        return _OPERATIONS.get(kind.__name__, "other")
    return _LAYERS.get(kind.__name__, "other")


def behind(graph: Graph, node: Node) -> Function:
    """Return what is applied to a layer's output: by itself, or by the one call that reads it."""
    mine = own_function(node.layer)
    follower = graph.only_consumer(node.output)
    if mine != "linear" or follower is None:
        return mine
    return function(follower)


def _rectifier(layer: Any) -> Function:
    if type(layer).__name__ == "LeakyReLU":
        return "leaky"
    if layer.threshold:
        return "other"
    if layer.max_value is None:
        return "leaky" if layer.negative_slope else "relu"
    return "relu6" if layer.max_value == 6 and not layer.negative_slope else "other"
