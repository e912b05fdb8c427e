"""The SHA-256 that a source model is named by. Imports no framework."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edgekit.errors import SourceError
from edgekit.source.sniff import identify

_VOLATILE = frozenset({"compile_config", "shared_object_id"})


def digest(source: str | Path) -> str:
    """Return the SHA-256, in hex, of a model file or of a SavedModel folder.

    A folder's digest covers the names and the bytes of all its files, in the order of the names.

    Raises:
        SourceError: nothing is there, or it cannot be a Keras model.
    """
    path = Path(source)
    if identify(path) == "savedmodel":
        return _of_folder(path)
    return _of_file(path).hex()


def digest_object(model: Any) -> str:
    """Return the SHA-256, in hex, of an object's configuration and weights, in their order.

    How it was compiled does not count. A model without a configuration counts by its class.
    """
    import keras

    total = hashlib.sha256(_describe(model).encode())
    for variable in model.weights:
        array = keras.ops.convert_to_numpy(variable)
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error


def _of_folder(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(_of_file(path))
    return total.hexdigest()


def _describe(model: Any) -> str:
    import keras

    try:
        config = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError):
        config = {"class": f"{type(model).__module__}.{type(model).__qualname__}"}
    return json.dumps(_steady(config), sort_keys=True, default=repr)


def _steady(value: Any) -> Any:
    """Leave out what differs between two processes that hold the same model."""
    if isinstance(value, dict):
        return {k: _steady(v) for k, v in value.items() if k not in _VOLATILE}
    if isinstance(value, (list, tuple)):
        return [_steady(v) for v in value]
    return value
