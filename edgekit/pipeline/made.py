"""What making an artifact gave beside its files, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgekit.passes import Treatment
from edgekit.quantizers.attempts import Agreement
from edgekit.report.details import Spread
from edgekit.report.model import Candidate

_RECORD = "made.json"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made: the artifact's agreement with the source, and how it came about.

    ``activations`` are spread beside their chosen ranges, ``more_activations`` those left out.
    """

    agreement: Agreement
    judged_on: str
    candidates: tuple[Candidate, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    estimator: str | None = None
    warnings: tuple[str, ...] = ()
    activations: tuple[Spread, ...] = ()
    more_activations: int = 0

    def save(self, folder: Path) -> None:
        """Write this into a folder."""
        (folder / _RECORD).write_bytes(msgspec.json.encode(self))

    @classmethod
    def restore(cls, folder: Path) -> Made:
        """Read what ``save`` wrote."""
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=cls)
