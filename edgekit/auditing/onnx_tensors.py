"""Measures ONNX constants, also those that lie in other files, without loading them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.auditing.program import Value
from edgekit.errors import ArtifactError

_TYPES = {
    "float": "float32", "double": "float64", "float8e4m3fn": "float8", "float8e4m3fnuz": "float8",
    "float8e5m2": "float8", "float8e5m2fnuz": "float8", "float8e8m0": "float8",
    "float4e2m1": "float4", "undefined": "unknown",
}  # fmt: skip
_EXTERNAL = 1
_SPARE = 256


def dtype(proto: Any, number: int) -> str:
    """Return the numpy name of an ONNX element type; ``"unknown"`` for a number ONNX has not."""
    if number not in proto.DataType.values():
        return "unknown"
    name = str(proto.DataType.Name(number)).lower()
    return _TYPES.get(name, name)


def constant(tensor: Any, folder: Path, *, name: str) -> Value:
    """Describe a constant; its bytes must be as many as its shape asks for.

    Long raw data are dropped from ``tensor``, so that nothing copies them again.

    Raises:
        ArtifactError: a negative dimension, too few bytes, or data outside of the model's folder.
    """
    if any(size < 0 for size in tensor.dims):
        raise ArtifactError(f"constant {name!r} has a negative dimension")
    value = Value(
        name=name,
        shape=tuple(tensor.dims),
        dtype=dtype(type(tensor), tensor.data_type),
        stored_bytes=0,
    )
    if tensor.data_location == _EXTERNAL:
        held = _external(tensor, folder, name, value.bytes)
    elif tensor.HasField("raw_data"):
        held = len(tensor.raw_data)
        if held > _SPARE:
            tensor.ClearField("raw_data")
    else:
        return _listed(tensor, value)
    if value.dtype not in ("string", "unknown") and held != value.bytes:
        raise ArtifactError(f"constant {name!r} needs {value.bytes} bytes, the file holds {held}")
    return replace(value, stored_bytes=held)


def _listed(tensor: Any, value: Value) -> Value:
    """Check a constant whose numbers are listed one by one in a typed field."""
    fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
    listed = max(len(getattr(tensor, field)) for field in fields)
    need = value.elements
    if value.dtype not in ("string", "unknown") and listed * 8 < need:
        raise ArtifactError(f"constant {value.name!r} needs {need} numbers, it lists {listed}")
    return replace(value, stored_bytes=sum(map(len, tensor.string_data)) or value.bytes)


def _external(tensor: Any, folder: Path, name: str, need: int) -> int:
    """Return the size of external data, after checking that they are where they may be."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    where = entries.get("location", "")
    home = folder.resolve()
    try:
        file = (home / where).resolve()
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or need)
    except ValueError as error:
        raise ArtifactError(
            f"constant {name!r} has a damaged place of its data: {error}"
        ) from error
    if not where or home not in file.parents:
        raise ArtifactError(
            f"constant {name!r} wants data from {where!r}; only the model's own folder is read"
        )
    if not file.is_file():
        raise ArtifactError(f"constant {name!r} needs the file {where!r}, which is missing")
    if offset < 0 or length < 0 or offset + length > file.stat().st_size:
        raise ArtifactError(f"constant {name!r} lies at {offset}+{length}, beyond {where!r}'s end")
    return length
