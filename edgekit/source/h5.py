"""Whole models in HDF5, as Keras 2 (and Keras 3, on demand) writes them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import SourceError
from edgekit.source import containers, graph, memory, trust, weights
from edgekit.source.precision import in_float32
from edgekit.source.scope import Scope
from edgekit.source.stand_in import stand_in

_WEIGHTS_ONLY = (
    "the file holds weights only, no model: load them in Python into the model they belong to "
    "(model.load_weights) and save it whole with model.save('model.keras')"
)


def load_h5(path: Path, scope: Scope) -> Any:
    """Rebuild a whole-model HDF5 file in Keras 3.

    Raises:
        SourceError: damaged, weights only, or not to be rebuilt; the text says what to do.
        UnsafeSource: it would run code.
    """
    import h5py

    held = containers.check_hdf5(path)
    try:
        with h5py.File(path, "r") as file:
            config = _config(file)
            scope = dataclasses.replace(scope, keras2=not _version(file).startswith("3."))
            config, scope = stand_in(in_float32(config, scope), scope)
            trust.check(config, scope.custom, allow_code=scope.allow_code)
            stored = _stored(file["model_weights"], held) if "model_weights" in file else {}
    except (OSError, KeyError, RuntimeError, TypeError, UnicodeDecodeError) as error:
        text = containers.one_line(error)
        raise SourceError(
            f"the HDF5 file is damaged or truncated: {text}; copy it again"
        ) from error
    with memory.weights_within(held):
        model = graph.build(config, scope)
    if not getattr(model, "built", True):
        raise SourceError(
            f"the model is of a class of its own ({config['class_name']}), and an .h5 file does "
            "not say the shape of its input: load the weights in Python into a model that was "
            "called once on data, and save that as .keras"
        )
    weights.assign(model, stored, scope.names)
    return model


def _config(file: Any) -> dict[str, Any]:
    text = file.attrs.get("model_config")
    if text is None:
        groups = set(file) & {
            "layers",
            "_layer_checkpoint_dependencies",
            "vars",
            "top_level_model_weights",
        }
        if "layer_names" in file.attrs or "layer_names0" in file.attrs or groups:
            raise SourceError(_WEIGHTS_ONLY)
        raise SourceError("the HDF5 file holds no Keras model (no model_config); is it data?")
    text = text.decode() if isinstance(text, bytes) else text
    return parse_config(str(text))


def _version(file: Any) -> str:
    value = file.attrs.get("keras_version", "2")
    return value.decode() if isinstance(value, bytes) else str(value)


def parse_config(text: str) -> dict[str, Any]:
    """Read a model's configuration.

    Raises:
        SourceError: it is not JSON, or not the configuration of a model.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"the model's configuration is damaged: {containers.one_line(error)}"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise SourceError("the model's configuration names no class_name; is it a Keras model?")
    if not isinstance(config.get("config"), (dict, list)):
        raise SourceError(
            "the model's configuration is empty: a subclassed model without get_config"
        )
    return dict(plain(config))


def plain(value: Any) -> Any:
    """Undo Keras 2's JSON dress of tuples and tensor shapes."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return None if value["items"] is None else [plain(v) for v in value["items"]]
    if value.get("class_name") == "__ellipsis__" and "config" not in value:
        return "..."
    return {k: plain(v) for k, v in value.items()}


def _stored(group: Any, held: int) -> dict[str, list[weights.Stored]]:
    stored = {}
    for name in (*_attribute(group, "layer_names"), "top_level_model_weights"):
        if name in group:
            own, found = group[name], list[weights.Stored]()
            for weight in _attribute(own, "weight_names"):
                held -= own[weight].nbytes
                if held < 0:
                    raise SourceError(f"the HDF5 file lists the weights of {name!r} repeatedly")
                found.append(weights.Stored(name=weight, array=_numbers(np.asarray(own[weight]))))
            stored[name] = found
    return stored


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Read bfloat16, which HDF5 has no name for, as the upper halves of float32."""
    if array.dtype.kind != "V" or array.dtype.itemsize != 2:
        return array
    return (array.view("<u2").astype("<u4") << 16).view("<f4")


def _attribute(group: Any, name: str) -> list[str]:
    """Read a list of names, which Keras cuts into numbered pieces when it is long."""
    values: list[Any] = []
    if name in group.attrs:
        values = list(group.attrs[name])
    piece = 0
    while not values or piece:
        if f"{name}{piece}" not in group.attrs:
            break
        values.extend(group.attrs[f"{name}{piece}"])
        piece += 1
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]
