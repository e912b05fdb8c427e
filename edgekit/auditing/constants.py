"""Reads the numbers of single constants, when somebody asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.auditing import onnx_functions
from edgekit.auditing.program import BITS, Program, Value
from edgekit.errors import ArtifactError
from edgekit.extras import load

_PLAIN = frozenset(
    {
        "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "float16", "float32", "float64",
    }
)  # fmt: skip
_PACKED = frozenset({"int1", "uint1", "int2", "uint2", "int4", "uint4"})
_EXTERNAL = 1
_MOST_BYTES = 2**31


@dataclass
class Constants:
    """The constants of a program that was read from ``file``."""

    file: Path
    program: Program
    _onnx: list[Any] = field(default_factory=list)

    def array(self, key: str) -> NDArray[Any] | None:
        """Return the numbers of a constant as they are stored, in its shape.

        4-bit and narrower integers come as int8 or uint8, bfloat16 as float32. None for what is no
        constant, for types that numpy has not, for sparse ones, and beyond 2 GiB.

        Raises:
            ArtifactError: the file changed since it was read, or cannot be read any more.
        """
        value = self.program.values.get(key)
        if value is None or value.place is None or value.stored_bytes is None:
            return None
        if value.dtype not in _PLAIN | _PACKED | {"bfloat16"} or value.bytes > _MOST_BYTES:
            return None
        try:
            if self.program.format == "onnx":
                return self._of_onnx(value)
            name = self.file if self.program.format == "tflite" else self.file.with_suffix(".bin")
            return _decoded(_bytes(name, value.place, value.stored_bytes), value)
        except (OSError, ValueError, TypeError, IndexError) as error:
            raise ArtifactError(
                f"{self.file}: constant {value.name!r} cannot be read: {error}"
            ) from error

    def _of_onnx(self, value: Value) -> NDArray[Any] | None:
        if not self._onnx:
            self._onnx = _onnx_tensors(self.file)
        tensor = self._onnx[value.place or 0]
        if tensor.data_location == _EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            name = self.file.parent / entries["location"]
            return _decoded(_bytes(name, int(entries.get("offset") or 0), value.bytes), value)
        if tensor.HasField("raw_data"):
            return _decoded(np.frombuffer(tensor.raw_data, np.uint8), value)
        held = np.asarray(load("onnx.numpy_helper").to_array(tensor))
        narrow = value.dtype in _PACKED or value.dtype == "bfloat16"
        return held.astype(np.float32 if value.dtype == "bfloat16" else np.int8) if narrow else held


def _onnx_tensors(file: Path) -> list[Any]:
    """Return the constants of a model that was read once before, in the same order."""
    onnx = load("onnx")
    model = onnx.ModelProto()
    model.ParseFromString(file.read_bytes())
    inlined = onnx_functions.inlined(onnx, model)
    return [tensor for _, tensor in onnx_functions.tensors(inlined.graph)]


def _bytes(file: Path, offset: int, size: int) -> NDArray[np.uint8]:
    """Map a part of a file; only what is looked at is read."""
    if not size:
        return np.empty(0, np.uint8)
    return np.memmap(file, np.uint8, "r", offset=offset, shape=(size,))


def _decoded(raw: NDArray[np.uint8], value: Value) -> NDArray[Any] | None:
    if raw.size != value.bytes:
        return None  # sparse, or how OpenVINO stores an empty one
    shape = tuple(size or 0 for size in value.shape or ())
    if value.dtype in _PACKED:
        return _unpacked(raw, value).reshape(shape)
    if value.dtype == "bfloat16":
        raw = np.asarray(raw.view(np.uint16).astype(np.uint32) << 16)
    kind = np.dtype("float32" if value.dtype == "bfloat16" else value.dtype)
    plain: NDArray[Any] = np.asarray(raw.view(kind), kind)
    return plain.reshape(shape)


def _unpacked(raw: NDArray[np.uint8], value: Value) -> NDArray[Any]:
    """Spread numbers of 1, 2 or 4 bits, the lowest bits first."""
    bits = BITS[value.dtype]
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    spread = ((raw[:, None] >> shifts) & (2**bits - 1)).reshape(-1)[: value.elements]
    if value.dtype.startswith("u"):
        return np.asarray(spread, np.uint8)
    sign = 1 << (bits - 1)
    return np.asarray((spread.astype(np.int8) ^ sign) - sign, np.int8)
