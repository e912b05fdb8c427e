"""What the measuring process is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edgekit.artifact import Artifact


@dataclass(frozen=True, kw_only=True)
class Job:
    """What ``measure`` was given; ``sample`` is what ``edgekit.npz`` writes.

    ``processors`` are those to stay on; any if there are none.
    """

    artifact: Artifact
    threads: int
    warmup: int
    min_runs: int
    min_seconds: float
    sample: Path | None
    processors: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Return the job as JSON."""
        return msgspec.json.encode(self, enc_hook=str)

    @classmethod
    def decode(cls, text: bytes) -> Job:
        """Return the job that ``encode`` wrote."""
        return msgspec.json.decode(text, type=cls, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    return kind(value)
