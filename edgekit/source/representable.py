"""Refuses at once what no file format of any target can hold."""

from __future__ import annotations

from typing import Any

from edgekit.errors import SourceError

_AHEAD = "let the program that feeds the model do so, and convert the layers behind it"


def check_representable(model: Any) -> None:
    """Make sure that a model is one of float layers over dense numbers.

    Raises:
        SourceError: it does not; the text names the input or the layer, and says what to do.
    """
    import keras

    inputs = getattr(model, "_inputs_struct", None)
    for tensor in [] if inputs is None else keras.tree.flatten(inputs):
        _check_input(tensor)
    for layer in model._flatten_layers():
        _check_layer(layer)


def _check_input(tensor: Any) -> None:
    dtype = str(tensor.dtype)
    if "string" in dtype or "complex" in dtype:
        raise SourceError(
            f"input {tensor.name!r} takes {dtype} values, expected real numbers or booleans: turn "
            f"them into numbers before the model; {_AHEAD}"
        )
    for kind in ("sparse", "ragged"):
        if getattr(tensor, kind, False):
            raise SourceError(
                f"input {tensor.name!r} takes {kind} tensors, expected dense ones: no exported "
                f"file has others; build the model with Input(..., {kind}=False) and the "
                "same weights"
            )


def _check_layer(layer: Any) -> None:
    import keras

    what = f"layer {layer.name!r} ({type(layer).__name__})"
    tables = (keras.layers.StringLookup, keras.layers.IntegerLookup, keras.layers.TextVectorization)
    if isinstance(layer, tables):
        raise SourceError(
            f"{what} looks values up in a table, which no exported file holds; {_AHEAD}"
        )
    if isinstance(layer, keras.layers.Hashing):
        raise SourceError(
            f"{what} hashes texts, for which no exported file has an operator; {_AHEAD}"
        )
    mode = getattr(layer, "quantization_mode", None)
    if mode is not None:
        raise SourceError(
            f"{what} was quantized by Keras itself, to {mode}; expected a float model: give the "
            "one that it was made from"
        )
