"""OpenVINO: NNCF with and without its bias correction, on its ranges and on ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.calibrate.samples import Samples
from edgekit.extras import load
from edgekit.formats import openvino as openvino_files
from edgekit.quantizers import nncf
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import Calibrated, first_best

# NNCF runs sample by sample, and once only: its ranges are replaced by ours, and the means that its
# bias correction takes are steady after so many.
MOST_SAMPLES = 100


class OpenvinoRoute:
    """Static int8 OpenVINO IR."""

    suffix = "xml"

    def __init__(self, calibrated: Calibrated) -> None:
        self._calibrated = calibrated
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield attempts; ``tried`` grows meanwhile, and later ones build on the best so far."""
        if self._calibrated.trained:
            yield self._attempt(self._calibrated.estimators[0], corrected=False)
            return
        for estimator in self._calibrated.estimators:
            yield self._attempt(estimator, corrected=False)
        chosen = first_best(tried) or self._calibrated.estimators[0]
        yield self._attempt(chosen, corrected=True)
        yield self._attempt(None, corrected=True)

    def _attempt(self, estimator: str | None, *, corrected: bool) -> Attempt:
        return Attempt(
            quantizer="NNCF",
            estimator=estimator,
            bias_correction=corrected,
            build=partial(self._build, estimator, corrected),
        )

    def _build(self, estimator: str | None, corrected: bool, path: Path) -> None:
        model = self._corrected if corrected else self._plain
        if estimator is not None:
            model = nncf.with_ranges(
                model, self._calibrated.ranges(estimator), per_tensor=self._calibrated.trained
            )
        openvino_files.save(model, path)

    @cached_property
    def _corrected(self) -> Any:
        return nncf.quantize(
            self._float,
            _spread(self._calibrated.samples, MOST_SAMPLES),
            reduce_range=self._calibrated.quantization.reduce_range,
        )

    @cached_property
    def _plain(self) -> Any:
        return nncf.with_biases_of(self._corrected, self._float)

    @cached_property
    def _float(self) -> Any:
        ov = load("openvino")

        return ov.Core().read_model(str(self._calibrated.artifact.path))


def _spread(samples: Samples, most: int) -> Samples:
    """Return at most so many of the samples, evenly spread over all."""
    places = np.linspace(0, len(samples) - 1, min(most, len(samples)))
    return samples.take(np.unique(places.round().astype(np.int64)))
