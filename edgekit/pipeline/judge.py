"""How an artifact agrees with the source model on the same samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import runtimes
from edgekit.accuracy.sqnr import sqnr_db
from edgekit.errors import ArtifactError
from edgekit.files import scratch
from edgekit.formats.tflite_scores import scores_of, with_scores
from edgekit.pipeline.scores import of_logits, of_probabilities
from edgekit.quantizers.attempts import Agreement

Arrays = Mapping[str, NDArray[Any]]
SQNR_CAP_DB = 300.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Samples, and the source model's outputs for them.

    Args:
        inputs: By name.
        reference: The outputs, by name.
        softmaxes: Outputs that a softmax makes: to tell candidates apart, what it is given is
            looked at as well.
        least_db: Below, a file has collapsed.
    """

    inputs: Arrays
    reference: Arrays
    softmaxes: frozenset[str] = frozenset()
    least_db: float = -math.inf

    def __call__(self, path: Path) -> Agreement:
        """Run the artifact on the samples and compare.

        Raises:
            ArtifactError: it cannot run, or gives NaN or infinity.
        """
        outputs = self._run_revealed(path) if self._scores else self._run(path)
        found = agreement(self.reference, outputs)
        return replace(
            found,
            scores_db=self._scores_db(path, outputs),
            collapsed=found.sqnr_db < self.least_db,
        )

    def _run(self, path: Path) -> Arrays:
        return runtimes.open_runner(runtimes.describe(path), threads=1).run(self.inputs)

    @cached_property
    def _scores(self) -> Arrays:
        """The reference of the softmaxes' outputs, as scores; without those that never differ."""
        found = {name: of_probabilities(self.reference[name]) for name in self.softmaxes}
        return {name: scores for name, scores in found.items() if scores.any()}

    def _scores_db(self, path: Path, outputs: Arrays) -> float | None:
        """Return the SQNR of the worst output, by its scores where the file tells them."""
        worst, looked = SQNR_CAP_DB, False
        for name, wanted in self.reference.items():
            got, given = outputs[name], outputs.get(scores_of(name))
            # Steps of 1/256 have no logarithms to speak of.
            if name in self._scores and (given is not None or path.suffix != ".tflite"):
                wanted, looked = self._scores[name], True
                got = of_probabilities(got) if given is None else of_logits(given)
            worst = max(min(worst, sqnr_db(wanted, got)), -SQNR_CAP_DB)
        return worst if looked else None

    def _run_revealed(self, path: Path) -> Arrays:
        """Run a file that shows what softmaxes are given, where it rounds what they make itself.

        The integer softmax of TFLite gives steps of 1/256; those of the others stay in float.
        """
        outputs = {spec.name for spec in runtimes.describe(path).outputs}
        is_shown = any(scores_of(name) in outputs for name in self._scores)
        if path.suffix != ".tflite" or is_shown:
            return self._run(path)
        with scratch() as folder:
            place = folder / path.name
            place.write_bytes(with_scores(path.read_bytes()))
            return self._run(place)


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
