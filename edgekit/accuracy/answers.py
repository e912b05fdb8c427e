"""Each sample's score, kept small, so that artifacts can be compared pair by pair later."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import ArtifactError

Floats = NDArray[np.float64]

_MOST = 100_000  # samples whose scores are kept as numbers; right and wrong ones cost a bit


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The score of each sample, in order, of the source model and of the artifact.

    Both are base64: of one bit a sample (1 is right), the first in the highest bit, where scores
    are 0 and 1; of little-endian float32 otherwise. ``labels_sha256`` tells whether two evaluations
    were on the same labels in the same order.
    """

    labels_sha256: str
    samples: int
    encoding: Literal["bits", "float32"]
    source: str
    artifact: str

    def scores(self) -> tuple[Floats, Floats]:
        """Return the scores of the source model and of the artifact.

        Raises:
            ArtifactError: they are not what they claim to be.
        """
        return self._decoded(self.source), self._decoded(self.artifact)

    def _decoded(self, text: str) -> Floats:
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ArtifactError("answers: expected base64; evaluate again") from error
        size = -(-self.samples // 8) if self.encoding == "bits" else 4 * self.samples
        if self.samples < 1 or len(raw) != size:
            raise ArtifactError(
                f"answers: expected {size} bytes for {self.samples} samples, got {len(raw)};"
                " evaluate again"
            )
        if self.encoding == "bits":
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=self.samples)
            return bits.astype(np.float64)
        return np.frombuffer(raw, "<f4").astype(np.float64)


def answers_of(scores: Floats, labels: Any) -> Answers | None:
    """Return what to keep of (samples, 2) scores; None of very many that are not right or wrong."""
    bits = bool(np.all((scores == 0) | (scores == 1)))
    if not bits and len(scores) > _MOST:
        return None
    source, artifact = (_encoded(scores[:, at], bits=bits) for at in (0, 1))
    return Answers(
        labels_sha256=labels_digest(labels), samples=len(scores),
        encoding="bits" if bits else "float32", source=source, artifact=artifact,
    )  # fmt: skip


def labels_digest(labels: Any) -> str:
    """Return a digest of labels' values and shape, whatever type they are stored in."""
    whole = hashlib.sha256()
    named = labels if isinstance(labels, Mapping) else {"": labels}
    for name in sorted(named):
        values = np.asarray(named[name])
        if values.dtype.kind in "biuf":
            values = values.astype(np.float64)
        whole.update(f"{name}{values.shape}".encode("utf-8", "backslashreplace"))
        if values.dtype == object:
            whole.update(repr(values.tolist()).encode("utf-8", "backslashreplace"))
        else:
            whole.update(np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()


def _encoded(scores: Floats, *, bits: bool) -> str:
    raw = np.packbits(scores.astype(bool)) if bits else scores.astype("<f4")
    return base64.b64encode(raw.tobytes()).decode()
