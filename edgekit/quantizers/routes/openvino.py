"""OpenVINO: NNCF with and without its bias correction, on its ranges and on ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from edgekit.quantizers import nncf
from edgekit.quantizers.attempts import Attempt, Tried
from edgekit.quantizers.rounding import Correction
from edgekit.quantizers.routes.calibrated import Calibrated, first_best


class OpenvinoRoute:
    """Static int8 OpenVINO IR."""

    suffix = "xml"

    def __init__(self, calibrated: Calibrated) -> None:
        self._calibrated = calibrated
        self._quantized = cache(self._quantize)
        self.corrections: list[Correction] = []

    def attempts(self, tried: Sequence[Tried]) -> Iterator[Attempt]:
        """Yield attempts; ``tried`` grows meanwhile, and later ones build on the best so far."""
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
        import openvino as ov

        model = self._quantized(corrected)
        if estimator is not None:
            model = nncf.with_ranges(model, self._calibrated.ranges(estimator))
        ov.save_model(model, str(path), compress_to_fp16=False)

    def _quantize(self, corrected: bool) -> Any:
        import openvino as ov

        return nncf.quantize(
            ov.Core().read_model(str(self._calibrated.artifact.path)),
            self._calibrated.samples,
            reduce_range=self._calibrated.quantization.reduce_range,
            correct_bias=corrected,
        )
