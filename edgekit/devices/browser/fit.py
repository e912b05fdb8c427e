"""What the runtimes of the web take."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.artifact import Artifact
from edgekit.devices.declaration import Device
from edgekit.errors import ArtifactError

NAMES: Mapping[str, str] = {"tflite": "LiteRT.js", "onnx": "ONNX Runtime for the web"}
_DTYPES = {
    "tflite": ("float32", "int32", "uint8"),
    "onnx": (
        "float32", "float16", "float64", "bool", "int8", "uint8", "int16", "uint16", "int32",
        "uint32", "int64", "uint64",
    ),
}  # fmt: skip


def require_known(device: Device, artifact: Artifact) -> None:
    """Refuse a format that no runtime of the web takes.

    Raises:
        ArtifactError: it is one.
    """
    if artifact.format not in NAMES:
        raise ArtifactError(
            f"{artifact.path}: {device.name} takes TFLite and ONNX files, got {artifact.format};"
            " convert the model for the target tflite-int8-float-io or onnx-int8"
        )


def misfits(artifact: Artifact) -> list[str]:
    """Say which inputs and outputs the runtime cannot be given, and what can be done."""
    taken = _DTYPES[artifact.format]
    ports = [("takes", one) for one in artifact.inputs] + [
        ("gives", one) for one in artifact.outputs
    ]
    return [
        f"{NAMES[artifact.format]} {verb} {', '.join(taken)}, and {spec.name!r} is {spec.dtype}"
        f"{_advice(spec.dtype)}"
        for verb, spec in ports
        if spec.dtype not in taken
    ]


def _advice(dtype: str) -> str:
    if dtype in ("int8", "int16"):
        return ": convert the model for the target tflite-int8-float-io, which is int8 inside"
    return ": convert the model with float inputs and outputs"


def refusal(artifact: Artifact, stage: str, text: str) -> str:
    """Return why a file cannot be run, in a line."""
    at = "refuses the file" if stage == "file" else "failed while it ran the file"
    return f"{NAMES[artifact.format]} {at}: {text}"
