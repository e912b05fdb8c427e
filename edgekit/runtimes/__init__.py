"""Runs exported files here, each format in its own runtime; nothing is imported before it is used.

An array given to a runner holds real values whatever its dtype, one sample a row: a uint8 picture
means its pixel values, for a quantized file as for the source model. ``native=True`` says that
arrays for quantized inputs hold stored integers instead.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.artifact import Artifact
from edgekit.errors import ArtifactError
from edgekit.extras import load, runtime_of
from edgekit.runtimes.runner import Runner

__all__ = [
    "SUFFIXES",
    "Runner",
    "describe",
    "import_runtime",
    "open_runner",
    "tensors",
]

SUFFIXES = {".tflite": "tflite", ".xml": "openvino", ".onnx": "onnx"}


def describe(path: str | Path) -> Artifact:
    """Read what a file takes and gives, without running it.

    Names are those of the TFLite signature where there is one, else the tensor names without
    ``:0`` and exporter prefixes.

    Raises:
        ArtifactError: there is no such file, its suffix is not of a known format, or it is broken.
        MissingExtra: the runtime of its format is not installed.
    """
    path = Path(path)
    if not path.is_file():
        came = "a folder" if path.is_dir() else "no such file"
        raise ArtifactError(f"{path}: expected a {', '.join(SUFFIXES)} file, got {came}")
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise ArtifactError(
            f"{path}: expected a file that ends in {', '.join(SUFFIXES)}, got {path.suffix!r}"
        )
    artifact: Artifact = _module(kind).describe(path)
    return artifact


def open_runner(artifact: Artifact, *, threads: int = 1) -> Runner:
    """Load an artifact into its runtime on this host's CPU, ready for the first inference.

    Raises:
        ArtifactError: the file cannot be opened by its runtime.
        MissingExtra: the runtime is not installed.
    """
    return Runner(_module(artifact.format).open_session(artifact, threads=threads))


def tensors(
    artifact: Artifact, inputs: Mapping[str, NDArray[Any]], *, only: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Run an artifact and return its activations by tensor name, in execution order.

    Integers are returned as the real values that they stand for. Every tensor of every sample is
    held: give few samples at a time, or name the tensors in ``only``.

    Raises:
        ArtifactError: the file cannot be opened or run.
        DataError: the inputs do not fit.
        MissingExtra: the runtime is not installed.
    """
    found: dict[str, NDArray[np.float32]] = _module(artifact.format).tensors(
        artifact, inputs, only=only
    )
    return found


def import_runtime(kind: str) -> None:
    """Import what runs a format, so that its cost is not taken for that of a model.

    Raises:
        MissingExtra: it is not installed.
    """
    package = runtime_of(kind)
    load(f"{package}.interpreter" if kind == "tflite" else package)


def _module(kind: str) -> Any:
    return importlib.import_module(f"edgekit.runtimes.{kind}")
