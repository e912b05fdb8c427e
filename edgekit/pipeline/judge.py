"""How an artifact agrees with the source model on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy.sqnr import sqnr_db
from edgekit.errors import ArtifactError
from edgekit.quantizers.attempts import Agreement

Arrays = Mapping[str, NDArray[Any]]
SQNR_CAP_DB = 300.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Samples, and the source model's outputs for them."""

    inputs: Arrays
    reference: Arrays

    def __call__(self, path: Path) -> Agreement:
        """Run the artifact on the samples and compare.

        Raises:
            ArtifactError: it cannot run, or gives NaN or infinity.
        """
        outputs = runtimes.open_runner(runtimes.describe(path), threads=1).run(self.inputs)
        return agreement(self.reference, outputs)


def agreement(reference: Arrays, outputs: Arrays) -> Agreement:
    """Compare outputs by name: the SQNR of the worst, within 300 dB of 0 either way.

    Raises:
        ArtifactError: an output is missing, has another shape, or is not finite.
    """
    worst, same = SQNR_CAP_DB, []
    for name, wanted in reference.items():
        got = outputs.get(name)
        if got is None or got.shape != wanted.shape:
            came = "none" if got is None else str(got.shape)
            raise ArtifactError(f"output {name!r}: expected shape {wanted.shape}, got {came}")
        if not np.isfinite(got).all():
            raise ArtifactError(f"output {name!r} holds NaN or infinity")
        worst = max(min(worst, sqnr_db(wanted, got)), -SQNR_CAP_DB)
        if wanted.ndim == 2 and wanted.shape[1] > 1:
            same.append(float((wanted.argmax(-1) == got.argmax(-1)).mean()))
    return Agreement(sqnr_db=worst, agreement=min(same) if same else None)
