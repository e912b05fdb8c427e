"""Says whether a model's bytes tell all that it does: only then may kept results stand for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgekit import usercode
from edgekit.errors import SourceError
from edgekit.pipeline.options import Options
from edgekit.source import importable


def known_by_content(given: Any, options: Options) -> bool:
    """Whether the digest of a source model changes with everything that it computes.

    Not so where Python code beside the model takes part: custom objects, layers and functions of
    the user's own. Their text can change under the same configuration and weights.
    """
    if options.custom_objects:
        return False
    return isinstance(given, (str, Path)) or _is_all_keras(given)


def code_of(given: Any, options: Options) -> str | None:
    """Return a digest of the files with a model's own code: "" without any, None if not known."""
    if known_by_content(given, options):
        return ""
    try:
        own = () if isinstance(given, (str, Path)) else importable(given, options.custom_objects)
    except SourceError:
        return None
    names = (*options.custom_objects, *own)
    return code_digest(names) if names else None


def code_digest(names: Sequence[str]) -> str | None:
    """Return a digest of the files that hold ``module:name``; None if one has no file.

    It may say that killed work goes on. It does not say that the code would do the same again,
    which may read other files.
    """
    whole = hashlib.sha256()
    for name in names:
        try:
            file = usercode.import_module(name.partition(":")[0]).__file__
        except ImportError:
            return None
        if file is None:
            return None
        whole.update(f"{name}\0".encode() + Path(file).read_bytes())
    return whole.hexdigest()


def _is_all_keras(model: Any) -> bool:
    import keras

    if not isinstance(model, keras.Model):
        return True  # it will be refused
    if not all(_of_keras(type(layer).__module__) for layer in model._flatten_layers()):
        return False
    try:
        config = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError):
        return False
    return all(_of_keras(module) for module in _modules(config))


def _of_keras(module: str) -> bool:
    return module.partition(".")[0] == "keras"


def _modules(config: Any) -> Iterator[str]:
    """Yield the module of everything that a configuration refers to."""
    if isinstance(config, dict):
        if config.get("class_name") in ("__lambda__", "function"):
            yield "a function"
        if isinstance(config.get("module"), str):
            yield config["module"]
        for name, value in config.items():
            if name != "compile_config":
                yield from _modules(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _modules(value)
