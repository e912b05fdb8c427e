"""Puts the user's objects in the places where the file calls them otherwise."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from edgekit.source import bytecode
from edgekit.source.scope import Scope

_CODE = ("function_type", "module", "output_shape", "output_shape_type", "output_shape_module")


def stand_in(config: Any, scope: Scope) -> tuple[Any, Scope]:
    """Return a configuration and a scope in which the user's objects are found.

    A class or function that the file registered in a package (``my_package>Scale``) is the user's
    ``Scale``. A ``Lambda`` that carries code is replaced by the user's function or layer class of
    the name of its function, or of its layer: then the code is not needed. Both leave the file's
    own code unread.
    """
    if not scope.custom:
        return config, scope
    aliases: dict[str, Any] = {}

    def change(item: dict[str, Any], layer: str) -> dict[str, Any]:
        for name in (item.get("registered_name"), item["class_name"], item.get("config")):
            plain = name.rsplit(">", 1)[-1] if isinstance(name, str) else ""
            if plain in scope.custom and name not in scope.custom:
                aliases[str(name)] = scope.custom[plain]
        return _without_code(item, layer, scope)

    fresh = _mapped(config, "model", change)
    return fresh, dataclasses.replace(scope, custom={**scope.custom, **aliases})


def _mapped(value: Any, layer: str, change: Callable[[dict[str, Any], str], Any]) -> Any:
    if isinstance(value, list):
        return [_mapped(v, layer, change) for v in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("class_name"), str):
        config = value.get("config")
        layer = str(config.get("name", layer)) if isinstance(config, dict) else layer
        value = change(value, layer)
    return {k: _mapped(v, layer, change) for k, v in value.items()}


def _without_code(item: dict[str, Any], layer: str, scope: Scope) -> dict[str, Any]:
    name = item["class_name"]
    if name not in ("Lambda", "__lambda__") or name in scope.custom:
        return item
    if bytecode.carried(item) is None:
        return item
    names = [n for n in bytecode.names_for(item, layer) if n in scope.custom]
    if not names:
        return item
    own = scope.custom[names[0]]
    if name == "__lambda__":
        fresh = _function(names[0])
    elif inspect.isclass(own):
        fresh = _layer(item, names[0])
    else:
        config = {k: v for k, v in item["config"].items() if k not in _CODE}
        fresh = {**item, "config": {**config, "function": _function(names[0])}}
    scope.mend("Lambda with Python code", layer, f"replaced by your {names[0]!r}")
    return fresh


def _function(name: str) -> dict[str, Any]:
    return {"module": "builtins", "class_name": "function", "config": name,
            "registered_name": "function"}  # fmt: skip


def _layer(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    kept = {k: v for k, v in item["config"].items() if k in ("name", "trainable", "dtype")}
    arguments = item["config"].get("arguments") or {}
    return {**item, "module": None, "class_name": name, "registered_name": name,
            "config": {**kept, **arguments}}  # fmt: skip
