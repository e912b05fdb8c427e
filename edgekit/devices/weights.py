"""What a file's weights take, where that can be told here."""

from __future__ import annotations

from edgekit.artifact import Artifact
from edgekit.auditing import audit
from edgekit.errors import MissingExtra


def weights_kib(artifact: Artifact) -> float | None:
    """Return the KiB of a file's constants; None where what reads the format is not installed.

    A host with tflite-runtime alone runs TFLite files and cannot read what is in them.
    """
    try:
        return audit(artifact.path, packed=False).weight_bytes / 1024
    except MissingExtra:
        return None
