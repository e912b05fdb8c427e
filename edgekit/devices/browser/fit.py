"""What the runtimes of the web take."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.artifact import Artifact, TensorSpec
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
    name, taken = NAMES[artifact.format], _DTYPES[artifact.format]
    odd = [spec for spec in (*artifact.inputs, *artifact.outputs) if spec.dtype not in taken]
    return [
        f"{name} takes and gives {', '.join(taken)}, and {spec.name!r} is {spec.dtype}:"
        f" convert the model {_instead(spec)}"
        for spec in odd
    ]


def _instead(spec: TensorSpec) -> str:
    if spec.scale is not None:
        return "for the target tflite-int8-float-io, which is int8 inside"
    return "with float inputs and outputs"


def refusal(artifact: Artifact, stage: str, text: str) -> str:
    """Return why a file cannot be run, in a line."""
    at = "refuses the file" if stage == "file" else "failed while it ran the file"
    opened = [spec.name for spec in artifact.inputs if None in spec.shape]
    hint = ""
    if artifact.format == "tflite" and opened:
        hint = (
            f"; dimensions of {', '.join(opened)} are open, which it often cannot take: convert the"
            " model with edgekit, which fixes the batch"
        )
    return f"{NAMES[artifact.format]} {at}: {text}{hint}"
