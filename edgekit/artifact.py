"""An exported model on disk, and what it takes and gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# format -> the main file of an artifact that edgekit writes.
MAIN_FILES: Mapping[str, str] = {
    "tflite": "model.tflite",
    "openvino": "model.xml",
    "onnx": "model.onnx",
}


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output.

    ``shape`` counts the batch; ``None`` is a dimension that may vary. ``dtype`` is a numpy name.
    ``scale`` and ``zero_point`` are set where the tensor is quantized:
    real = scale * (stored - zero_point).
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An exported model: its main file, its format, and its inputs and outputs in order."""

    path: Path
    format: Literal["tflite", "openvino", "onnx"]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the artifact consists of, the main one first."""
        return files_of(self.path)

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(path.stat().st_size for path in self.files)

    @property
    def sha256(self) -> str:
        """Digest over the files, by which reports name the artifact."""
        return digest_of(self.files)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return every file of the artifact whose main file this is, the main one first."""
    if path.suffix.lower() == ".xml":
        return (path, path.with_suffix(".bin"))
    return (path,)


def digest_of(files: Iterable[Path]) -> str:
    """Return the SHA-256 over the content of an artifact's files, by which reports name it."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
