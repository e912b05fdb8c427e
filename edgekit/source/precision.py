"""Reads models of float64, and of pure half precision, as models of float32."""

from __future__ import annotations

from typing import Any

from edgekit.errors import SourceError
from edgekit.source.scope import Scope

_OTHERS = frozenset({"float64", "float16", "bfloat16"})


def in_float32(config: Any, scope: Scope) -> Any:
    """Return a copy of a configuration whose layers, variables and inputs are of float32.

    Mixed policies stay: their variables are of float32 already. Half precision is held exactly,
    float64 to 24 bits, as in every exported file. Each dtype found is noted as one mend.
    """
    found: dict[str, None] = {}
    fresh = _changed(config, found)
    for dtype in found:
        scope.mend(f"dtype {dtype}, which no target has", "model", "read as float32")
    return fresh


def check_float32(model: Any) -> None:
    """Make sure that an object takes no wide or half floats, and computes in no wide ones.

    Raises:
        SourceError: it does; the text says how to convert it all the same.
    """
    import keras

    inputs = getattr(model, "_inputs_struct", None)
    tensors = [] if inputs is None else keras.tree.flatten(inputs)
    wrong = [f"input {t.name!r} is {t.dtype}" for t in tensors if str(t.dtype) in _OTHERS]
    layers = model._flatten_layers()
    wrong += [f"layer {k.name!r} is float64" for k in layers if k.compute_dtype == "float64"]
    if wrong:
        raise SourceError(
            f"{wrong[0]}, expected float32, which targets have: save the model as .keras and give "
            "that file, which is then read as float32"
        )


def _changed(value: Any, found: dict[str, None]) -> Any:
    if isinstance(value, list):
        return [_changed(v, found) for v in value]
    if not isinstance(value, dict) or value.get("class_name") == "__keras_tensor__":
        return value  # what a call once got, of which only the origin counts
    fresh = {}
    for key, item in value.items():
        if key == "dtype" and _plain(item) in _OTHERS:
            found[_plain(item)] = None
            fresh[key] = "float32"
        else:
            fresh[key] = _changed(item, found)
    return fresh


def _plain(dtype: Any) -> str:
    """Return the name of a dtype or of a plain policy, else an empty text."""
    if isinstance(dtype, dict) and dtype.get("class_name") in ("DTypePolicy", "Policy"):
        dtype = (dtype.get("config") or {}).get("name")
    return dtype if isinstance(dtype, str) else ""
